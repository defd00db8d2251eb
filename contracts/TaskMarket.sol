// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAgentRegistry} from "./interfaces/IAgentRegistry.sol";
import {ITaskMarket, Opening, Skip, State} from "./interfaces/ITaskMarket.sol";
import {Capability} from "./libraries/Capability.sol";
import {Bid, Task} from "./libraries/Orders.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Head, HeadLib, Seat, SeatLib} from "./libraries/Words.sol";
import {Vault} from "./Vault.sol";

/// @title The market of tasks; its interface carries the documentation.
contract TaskMarket is Vault {
    uint256 internal constant MAX_SEATS = 16;
    uint256 internal constant MAX_BIDS = 32;
    uint256 internal constant MAX_INLINE_ANSWER = 256;
    uint256 internal constant MAX_WINDOW = 30 days;

    bytes32 internal constant BID_TYPEHASH =
        keccak256("Bid(bytes32 taskId,uint256 agentId,uint96 price,uint16 confidenceBps,uint40 expiry)");
    bytes32 internal constant AWARD_TYPEHASH = keccak256("Award(bytes32 taskId,uint256[] bids)");
    bytes32 internal constant HIRE_TYPEHASH = keccak256("Hire(bytes32 taskId,uint256[] bids)");
    bytes32 internal constant TAKE_TYPEHASH = keccak256("Take(bytes32 taskId,uint256 agentId,uint256 deadline)");
    bytes32 internal constant COMMIT_TYPEHASH = keccak256("Commit(bytes32 taskId,uint256 seat,bytes32 commitment)");
    bytes32 internal constant CANCEL_TYPEHASH = keccak256("Cancel(bytes32 taskId)");
    bytes32 internal constant EVALUATE_TYPEHASH = keccak256("Evaluate(bytes32 taskId,uint256 scores)");
    bytes32 internal constant ANSWER_TYPEHASH = keccak256(
        "Answer(bytes32 taskId,uint256 agentId,bytes32 answerDigest,bytes32 evidenceDigest,bytes32 salt)"
    );

    /// @notice Least length of the bid, commit, reveal and evaluation windows of this deployment, in seconds.
    uint256 public immutable MIN_WINDOW;
    /// @notice Reputation has a price only in money that has one: tasks in this token alone move scores,
    address public immutable SCORE_TOKEN;
    /// @notice and only if a seat earns at least this much of it,
    uint256 public immutable SCORE_MIN;
    /// @notice and this share of each scored seat's pay is burnt.
    uint256 public immutable SCORE_BURN_BPS;
    /// @notice Whose balance the shared part of pay becomes.
    address public immutable POOL;
    /// @notice Opens plans, once it has looked at their children.
    address public immutable PLANS;

    /* STORAGE */

    mapping(bytes32 taskId => Head) private _head;
    /// Seats lie at desks. A task that closes leaves its desk to another, words and all: writing over a used slot costs a quarter
    /// of writing a fresh one. A desk is free while its seat 0 has no tag; the other words of a free desk mean nothing.
    mapping(uint256 desk => mapping(uint256 seat => SeatSlot)) private _seat;
    mapping(uint256 agentId => mapping(bytes32 pageId => Word)) private _earned;
    uint256 private _newDesks;

    struct SeatSlot {
        Seat word;
    }

    constructor(
        IAgentRegistry registry,
        address pool,
        address plans,
        uint256 minWindow,
        address scoreToken,
        uint256 scoreMin,
        uint256 scoreBurnBps
    ) Vault(registry) {
        _within("minWindow", minWindow, 1, MAX_WINDOW);
        _within("scoreBurnBps", scoreBurnBps, 0, 10_000);
        if (pool == address(0)) revert ZeroAddress();
        POOL = pool;
        PLANS = plans;
        MIN_WINDOW = minWindow;
        SCORE_TOKEN = scoreToken;
        SCORE_MIN = scoreMin;
        SCORE_BURN_BPS = scoreBurnBps;
    }

    /* POST AND AWARD */

    /// @inheritdoc ITaskMarket
    function post(Task calldata task, bytes calldata signature) external payable returns (bytes32 taskId) {
        taskId = taskIdOf(task);
        if (signature.length == 0) _requireSender(task.requester());
        else if (!Signatures.isValid(task.requester(), taskId, signature)) revert BadSignature(task.requester());
        _head[taskId] = _opened(task, taskId);
        _collect(task, task.escrow());
        emit TaskPosted(taskId, task.requester(), msg.value, task);
    }

    /// @inheritdoc ITaskMarket
    function hire(Task calldata task, Bid[] calldata bids, bytes calldata signature)
        external
        payable
        returns (bytes32 taskId)
    {
        taskId = taskIdOf(task);
        _authorize(task.requester(), _bidsMessage(HIRE_TYPEHASH, taskId, bids), signature);
        Head head = _opened(task, taskId);
        emit TaskPosted(taskId, task.requester(), msg.value, task);
        uint256 returned = _award(task, taskId, head, bids, signature.length != 0);
        _collect(task, task.escrow() - returned);
    }

    /// @inheritdoc ITaskMarket
    function award(Task calldata task, Bid[] calldata bids, bytes calldata signature) external {
        bytes32 taskId = taskIdOf(task);
        Head head = _head[taskId];
        State state = head.stateAt(block.timestamp);
        if (state != State.Open) revert WrongState(taskId, state, State.Open);
        _authorizeAward(task, taskId, bids, signature);
        uint256 returned = _award(task, taskId, head, bids, signature.length != 0);
        if (returned != 0) _balance[task.requester()][task.token()] += returned;
    }

    /// @inheritdoc ITaskMarket
    function cancel(Task calldata task, bytes calldata signature) external {
        bytes32 taskId = taskIdOf(task);
        _authorize(task.requester(), keccak256(abi.encode(CANCEL_TYPEHASH, taskId)), signature);
        State state = stateOf(taskId);
        if (state < State.Open || state > State.Unawarded) revert WrongState(taskId, state, State.Open);
        uint256 refund = _closeUnseated(task, taskId, State.Cancelled);
        emit TaskCancelled(taskId, refund);
    }

    /// @inheritdoc ITaskMarket
    function bid(bytes32 taskId, Bid calldata b) external {
        State state = stateOf(taskId);
        if (state != State.Open) revert WrongState(taskId, state, State.Open);
        (, address wallet) = REGISTRY.ownerAndWallet(b.agentId());
        if (wallet == address(0)) revert UnknownAgent(b.agentId());
        if (!_bidIsSigned(taskId, b, wallet)) revert BadSignature(wallet);
        emit BidPosted(taskId, b.agentId(), b.terms, b.signature);
    }

    /// @inheritdoc ITaskMarket
    function take(Task calldata task, uint256 agentId, uint256 deadline, bytes calldata signature) external {
        bytes32 taskId = taskIdOf(task);
        Head head = _head[taskId];
        _requireFree(taskId, head);
        uint256 n = head.seats();
        Seating memory s;
        (s.ownerTags, s.seats, s.seated) = (new uint256[](n + 1), new uint256[](n + 1), n);
        s.desk = n == 0 ? _freeDesk(task) : head.desk();
        for (uint256 i; i < n; ++i) {
            s.ownerTags[i] = _candidate(_seat[s.desk][i].word.agentId(), task.pageId).ownerTag;
        }
        Candidate memory c = _candidate(agentId, task.pageId);
        if (signature.length != 0 && block.timestamp > deadline) revert SignatureExpired(deadline);
        _authorize(c.wallet, keccak256(abi.encode(TAKE_TYPEHASH, taskId, agentId, deadline)), signature);
        Skip reason = _seatAgent(task, c, s);
        if (reason != Skip.None) revert SeatRefused(agentId, reason);
        _head[taskId] = head.awarded(n + 1, s.desk, task.k() - (n + 1), task.ceiling());
        emit SeatTaken(taskId, agentId, n, s.seats[n]);
    }

    /* COMMIT AND REVEAL */

    /// @inheritdoc ITaskMarket
    function commit(bytes32 taskId, uint256 seat, bytes32 commitment, bytes calldata signature) external {
        Head head = _head[taskId];
        SeatSlot storage slot = _slot(taskId, head, seat);
        Seat word = slot.word;
        if (word.tag() != SeatLib.AWARDED) revert AlreadyCommitted(taskId, seat);
        if (block.timestamp > head.commitEnd()) revert WrongState(taskId, stateOf(taskId), State.Awarded);
        _authorize(word.wallet(), keccak256(abi.encode(COMMIT_TYPEHASH, taskId, seat, commitment)), signature);
        slot.word = word.advance(SeatLib.COMMITTED, commitment);
        emit AnswerCommitted(taskId, word.agentId(), seat, commitment);
    }

    /// @inheritdoc ITaskMarket
    function reveal(bytes32 taskId, Opening calldata opening) external {
        Head head = _beginRevealing(taskId);
        if (head.isPlan()) revert WrongKind(taskId);
        _open(taskId, head, opening);
    }

    /// @inheritdoc ITaskMarket
    function revealPlan(bytes32 taskId, Opening calldata opening, uint256 weight) external {
        _requireSender(PLANS);
        Head head = _beginRevealing(taskId);
        if (!head.isPlan()) revert WrongKind(taskId);
        SeatSlot storage slot = _open(taskId, head, opening);
        if (weight < slot.word.weight()) slot.word = slot.word.withWeight(weight);
    }

    /// @inheritdoc ITaskMarket
    function revealAndSettle(Task calldata task, Opening[] calldata openings) external {
        bytes32 taskId = taskIdOf(task);
        Head head = _beginRevealing(taskId);
        if (head.isPlan()) revert WrongKind(taskId);
        for (uint256 i; i < openings.length; ++i) {
            _open(taskId, head, openings[i]);
        }
        _settle(task, taskId, NOT_EVALUATED);
    }

    /* CLOSE */

    /// @inheritdoc ITaskMarket
    function settle(Task calldata task) external {
        _settle(task, taskIdOf(task), NOT_EVALUATED);
    }

    /// @inheritdoc ITaskMarket
    function evaluate(Task calldata task, uint256 scores, bytes calldata signature) external {
        bytes32 taskId = taskIdOf(task);
        _authorize(task.evaluator(), keccak256(abi.encode(EVALUATE_TYPEHASH, taskId, scores)), signature);
        if (!Capability.inRange(scores)) revert ParameterOutOfRange("scores", scores, 0, Capability.FULL);
        _settle(task, taskId, scores);
    }

    /* VIEWS */

    /// @inheritdoc ITaskMarket
    function taskIdOf(Task calldata task) public view returns (bytes32) {
        return _hashTypedData(task.structHash());
    }

    /// @inheritdoc ITaskMarket
    function stateOf(bytes32 taskId) public view returns (State) {
        return _head[taskId].stateAt(block.timestamp);
    }

    /// @inheritdoc ITaskMarket
    function headOf(bytes32 taskId) external view returns (uint256) {
        return Head.unwrap(_head[taskId].shown());
    }

    /// @inheritdoc ITaskMarket
    function seatOf(bytes32 taskId, uint256 seat) external view returns (uint256 word) {
        Head head = _head[taskId];
        if (seat < head.seats()) return Seat.unwrap(_seat[head.desk()][seat].word);
    }

    /// @inheritdoc ITaskMarket
    function receiptOf(bytes32 taskId) public view returns (State outcome, uint256 closedAt, bytes26 digest) {
        Head head = _head[taskId];
        if (head.phase() >= State.Settled) return (head.phase(), head.closedAt(), head.receipt());
    }

    /// @inheritdoc ITaskMarket
    function earnedOf(uint256 agentId, bytes32 pageId) external view returns (uint256) {
        return _earned[agentId][pageId].value;
    }

    /* POST: INSIDE */

    /// @dev The head of a new task; reverts for one that exists or that the deployment does not take.
    function _opened(Task calldata task, bytes32 taskId) private view returns (Head) {
        if (_head[taskId].phase() != State.None) revert TaskExists(taskId);
        _within("requirement", task.requirement, 1, type(uint256).max);
        if (!Capability.inRange(task.requirement)) {
            revert ParameterOutOfRange("requirement", task.requirement, 1, Capability.FULL);
        }
        uint256 bidEnd = task.bidEnd();
        uint256 minWindow = MIN_WINDOW;
        _within("times", task.times >> 144, 0, 0);
        _within("ceiling", task.ceiling(), 1, type(uint96).max);
        _within("kind", task.kind(), 0, 3);
        _within("open", task.open(), 0, 1);
        _within("baseBps", task.baseBps(), 0, 10_000);
        _within("minMatchBps", task.minMatchBps(), 0, 10_000);
        _within("sharedBps", task.sharedBps(), 0, 10_000);
        _within("k", task.k(), 1, MAX_SEATS);
        _within("minSeats", task.minSeats(), 1, task.k());
        _within("quorumBps", task.quorumBps(), 1, 10_000);
        unchecked {
            // Times have 40 bits, windows 32.
            _within("bidEnd", bidEnd, block.timestamp + minWindow, block.timestamp + MAX_WINDOW);
            _within("commitEnd", task.commitEnd(), bidEnd + minWindow, bidEnd + MAX_WINDOW);
        }
        _within("revealWindow", task.revealWindow(), minWindow, MAX_WINDOW);
        bool evaluated = task.evaluator() != address(0);
        _within("evaluationWindow", task.evaluationWindow(), evaluated ? minWindow : 0, evaluated ? MAX_WINDOW : 0);
        if (!evaluated) _within("evaluationFee", task.evaluationFee(), 0, 0);
        unchecked {
            return HeadLib.open(
                bidEnd,
                task.commitEnd(),
                task.revealWindow(),
                task.evaluationWindow(),
                task.open() * task.k(),
                task.kind() == 1 ? 1 : 0
            );
        }
    }

    function _within(bytes32 name, uint256 value, uint256 min, uint256 max) private pure {
        if (value < min || value > max) revert ParameterOutOfRange(name, value, min, max);
    }

    /// @dev Takes `amount` of the requester's money: coins that came along first, the balance for the rest; a surplus becomes balance.
    function _collect(Task calldata task, uint256 amount) private {
        address requester = task.requester();
        address token = task.token();
        if (msg.value != 0 && token != address(0)) revert AmountMismatch(msg.value, 0);
        if (msg.value == amount) return;
        uint256 have = _balance[requester][token] + msg.value;
        if (have < amount) revert InsufficientBalance(requester, token, have, amount);
        unchecked {
            _balance[requester][token] = have - amount;
        }
    }

    /* AWARD: INSIDE */

    struct Seating {
        uint256[] ownerTags; // of the seated ones
        uint256[] seats; //     words of TaskAwarded
        uint256 seated;
        uint256 desk; //        where they sit
        uint256 price; //       highest seated ask
    }

    struct Candidate {
        uint256 agentId;
        address wallet; // zero: there is no such agent
        uint256 ownerTag;
        uint256 declared;
    }

    function _requireFree(bytes32 taskId, Head head) private view {
        State state = head.stateAt(block.timestamp);
        if (state == State.Free || (state == State.Awarded && head.free() != 0)) return;
        revert WrongState(taskId, state, State.Free);
    }

    function _candidate(uint256 agentId, bytes32 pageId) private view returns (Candidate memory c) {
        c.agentId = agentId;
        address registry = address(REGISTRY);
        bytes4 selector = IAgentRegistry.seatingOf.selector;
        // The three answers straight into their fields: this is the inner loop of award, and the registry is our own.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, selector)
            mstore(add(p, 4), agentId)
            mstore(add(p, 36), pageId)
            if iszero(staticcall(gas(), registry, p, 68, add(c, 32), 96)) { revert(0, 0) }
        }
    }

    function _authorizeAward(Task calldata task, bytes32 taskId, Bid[] calldata bids, bytes calldata signature)
        private
        view
    {
        address requester = task.requester();
        address router = task.router();
        if (signature.length == 0) {
            if (msg.sender != router) _requireSender(requester);
            return;
        }
        bytes32 digest = _hashTypedData(_bidsMessage(AWARD_TYPEHASH, taskId, bids));
        if (!Signatures.isValid(requester, digest, signature) && !Signatures.isValid(router, digest, signature)) {
            revert BadSignature(requester);
        }
    }

    function _bidsMessage(bytes32 typeHash, bytes32 taskId, Bid[] calldata bids) private pure returns (bytes32) {
        uint256[] memory terms = new uint256[](bids.length);
        for (uint256 i; i < bids.length; ++i) {
            terms[i] = bids[i].terms;
        }
        return keccak256(abi.encode(typeHash, taskId, keccak256(abi.encodePacked(terms))));
    }

    /// @dev Walks the bids in the caller's order until k are seated; writes the head; returns what the ceilings leave over.
    /// @param relayed The choice was signed: it binds the bids' terms, and a relay that spoilt their signatures must not bend it.
    function _award(Task calldata task, bytes32 taskId, Head head, Bid[] calldata bids, bool relayed)
        private
        returns (uint256 returned)
    {
        if (bids.length > MAX_BIDS) revert TooManyBids(bids.length, MAX_BIDS);
        uint256 k = task.k();
        Seating memory s;
        (s.ownerTags, s.seats, s.desk) = (new uint256[](k), new uint256[](k), _freeDesk(task));
        for (uint256 i; i < bids.length && s.seated < k; ++i) {
            Bid calldata b = bids[i];
            Skip reason = _seatBid(task, taskId, b, s);
            if (reason == Skip.None) continue;
            if (relayed && reason == Skip.BadSignature) revert SeatRefused(b.agentId(), reason);
            emit BidSkipped(taskId, b.agentId(), reason);
        }
        uint256 seated = s.seated;
        if (seated < task.minSeats()) revert TooFewSeats(seated, task.minSeats());
        _head[taskId] = head.awarded(seated, s.desk, 0, s.price);
        unchecked {
            returned = task.ceiling() * k - s.price * seated; // no seated ask is above the ceiling
        }
        uint256[] memory seats = s.seats;
        assembly ("memory-safe") {
            mstore(seats, seated) // only ever shorter
        }
        emit TaskAwarded(taskId, s.price, returned, seats);
    }

    function _seatBid(Task calldata task, bytes32 taskId, Bid calldata b, Seating memory s)
        private
        returns (Skip reason)
    {
        if (block.timestamp > b.expiry()) return Skip.BidExpired;
        uint256 price = b.price();
        if (price > task.ceiling()) return Skip.PriceAboveCeiling;
        Candidate memory c = _candidate(b.agentId(), task.pageId);
        if (c.wallet == address(0)) return Skip.UnknownAgent;
        if (!_bidIsSigned(taskId, b, c.wallet)) return Skip.BadSignature;
        reason = _seatAgent(task, c, s);
        if (reason == Skip.None && price > s.price) s.price = price;
    }

    /// @dev Gives the candidate the next seat, if nothing speaks against it.
    function _seatAgent(Task calldata task, Candidate memory c, Seating memory s) private returns (Skip) {
        uint256 seat = s.seated;
        if (c.wallet == address(0) || c.agentId > type(uint32).max) return Skip.UnknownAgent;
        for (uint256 j; j < seat; ++j) {
            if (s.ownerTags[j] == c.ownerTag) return Skip.OwnerSeated;
        }
        (uint256 matchBps, uint256 weight) =
            Capability.matchAndWeight(c.declared, _earned[c.agentId][task.pageId].value, task.requirement);
        if (matchBps < task.minMatchBps()) return Skip.MatchTooLow;
        if (!_lockBond(c.agentId, task.token(), task.bond())) return Skip.BondUnfunded;

        s.ownerTags[seat] = c.ownerTag;
        _seat[s.desk][seat].word = SeatLib.awarded(c.wallet, c.agentId, weight);
        s.seats[seat] = uint256(uint160(c.wallet)) | (c.agentId << 160) | (weight << 192);
        s.seated = seat + 1;
        return Skip.None;
    }

    /// @dev The desk that the salt names, so that a requester can come back to the desks that it has used; a new one where somebody
    /// sits there, so that nobody can keep a task from being awarded.
    function _freeDesk(Task calldata task) private returns (uint256 desk) {
        desk = uint256(task.salt) & HeadLib.NAMED_DESKS;
        if (_seat[desk][0].word.tag() == 0) return desk;
        desk = ++_newDesks;
        if (desk > HeadLib.NAMED_DESKS) revert NoDesk();
        desk += HeadLib.NAMED_DESKS;
    }

    function _bidIsSigned(bytes32 taskId, Bid calldata b, address wallet) private view returns (bool) {
        bytes32 message =
            keccak256(abi.encode(BID_TYPEHASH, taskId, b.agentId(), b.price(), b.confidenceBps(), b.expiry()));
        return Signatures.isValid(wallet, _hashTypedData(message), b.signature);
    }

    /* REVEAL: INSIDE */

    /// @dev Reveals open when all have committed or commitEnd is past. The first early reveal looks at every seat and notes the
    /// phase, so that commits need no counter and later reveals one read; a single seat needs no note.
    function _beginRevealing(bytes32 taskId) private returns (Head head) {
        head = _head[taskId];
        State state = head.stateAt(block.timestamp);
        if (state == State.Revealing) return head;
        if (state != State.Awarded || head.free() != 0) revert WrongState(taskId, state, State.Revealing);
        uint256 n = head.seats();
        for (uint256 i; i < n; ++i) {
            if (_seat[head.desk()][i].word.tag() == SeatLib.AWARDED) revert WrongState(taskId, state, State.Revealing);
        }
        if (n > 1) _head[taskId] = head.withPhase(State.Revealing);
    }

    function _slot(bytes32 taskId, Head head, uint256 seat) private view returns (SeatSlot storage) {
        if (seat >= head.seats()) revert NoSuchSeat(taskId, seat);
        return _seat[head.desk()][seat];
    }

    function _open(bytes32 taskId, Head head, Opening calldata o) private returns (SeatSlot storage slot) {
        uint256 seat = o.seat;
        slot = _slot(taskId, head, seat);
        Seat word = slot.word;
        uint256 tag = word.tag();
        if (tag != SeatLib.COMMITTED) {
            if (tag == SeatLib.AWARDED) revert NotCommitted(taskId, seat);
            revert AlreadyRevealed(taskId, seat);
        }
        if (_commitmentOf(taskId, word.agentId(), o) >> 48 != word.value208()) revert CommitmentMismatch(taskId, seat);
        bytes32 digest = o.answerDigest;
        bytes calldata answer = o.answer;
        if (answer.length != 0) {
            if (answer.length > MAX_INLINE_ANSWER) revert AnswerTooLong(answer.length, MAX_INLINE_ANSWER);
            if (sha256(answer) != digest) revert AnswerMismatch(digest);
        }
        slot.word = word.advance(SeatLib.REVEALED, digest);
        _emitRevealed(taskId, word.agentId(), o, answer);
    }

    /// @dev keccak256(abi.encode(ANSWER_TYPEHASH, taskId, agentId, answerDigest, evidenceDigest, salt)), by one copy.
    function _commitmentOf(bytes32 taskId, uint256 agentId, Opening calldata o) private pure returns (uint256 hash) {
        bytes32 typeHash = ANSWER_TYPEHASH;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            mstore(add(p, 0x20), taskId)
            mstore(add(p, 0x40), agentId)
            calldatacopy(add(p, 0x60), add(o, 0x20), 0x60)
            hash := keccak256(p, 0xc0)
        }
    }

    /// @dev emit AnswerRevealed(taskId, agentId, seat, answerDigest, evidenceDigest, salt, answer), by two copies.
    function _emitRevealed(bytes32 taskId, uint256 agentId, Opening calldata o, bytes calldata answer) private {
        bytes32 topic = AnswerRevealed.selector;
        assembly ("memory-safe") {
            let p := mload(0x40)
            let n := answer.length
            calldatacopy(p, o, 0x80) // seat to salt
            mstore(add(p, 0x80), 0xa0)
            mstore(add(p, 0xa0), n)
            let text := add(p, 0xc0)
            mstore(add(text, and(n, not(31))), 0) // the padding
            calldatacopy(text, answer.offset, n)
            log3(p, add(0xc0, and(add(n, 31), not(31))), topic, taskId, agentId)
        }
    }

    /* SETTLE: INSIDE */

    /// No word of scores in range has this value: every lane is at most 10000.
    uint256 private constant NOT_EVALUATED = type(uint256).max;

    /// Flags of a seat's result word.
    uint256 private constant REVEALED = 1 << 160;
    uint256 private constant SCORED = 1 << 161;
    uint256 private constant WON = 1 << 162;

    struct Tally {
        State outcome;
        uint256 winner; // 208 bits of the winning answer's digest
        uint256 winnerWeight;
        uint256 totalWeight;
        uint256 supporters; // seats that gave the winning answer
        uint256 price; // per seat
        uint256 paid; // to all seats, bonds apart
        uint256 shared; // of that, to the pool
        uint256 taken; // of the price: what is burnt
        uint256 lostBonds;
        uint256 scores; // the evaluator's, or NOT_EVALUATED
        bool scoring; // whether this task moves reputation
    }

    function _settle(Task calldata task, bytes32 taskId, uint256 scores) private {
        Head head = _head[taskId];
        State state = head.stateAt(block.timestamp);
        if (state == State.Unawarded && scores == NOT_EVALUATED) {
            uint256 escrow = _closeUnseated(task, taskId, State.Expired);
            emit TaskSettled(taskId, State.Expired, 0, 0, escrow, 0, 0, new uint256[](0));
            return;
        }
        if (state < State.Awarded || state > State.Closing) revert WrongState(taskId, state, State.Closing);
        bool evaluated = scores != NOT_EVALUATED;
        if (evaluated ? state == State.Closing : task.evaluator() != address(0) && state != State.Closing) {
            if (evaluated) revert WrongState(taskId, state, State.Evaluating);
            revert Pending(taskId, head.evaluationEnd());
        }

        Seat[] memory seats = _closingSeats(taskId, head, state);
        _seat[head.desk()][0].word = SeatLib.FREE;
        Tally memory t = _tally(taskId, seats, task);
        t.price = head.price();
        t.scores = scores;
        t.scoring = t.price >= SCORE_MIN && task.token() == SCORE_TOKEN;
        uint256[] memory results = _closeSeats(task, seats, t);
        _finish(task, taskId, t, results, head.free());
    }

    /// @dev Writes the receipt and pays everybody but the seats.
    function _finish(Task calldata task, bytes32 taskId, Tally memory t, uint256[] memory results, uint256 free)
        private
    {
        bytes32 winner = t.outcome == State.Settled ? bytes32(t.winner << 48) : bytes32(0);
        _head[taskId] = HeadLib.closed(t.outcome, block.timestamp, _receiptDigest(winner, results));

        address token = task.token();
        uint256 fee = task.evaluationFee();
        // By subtraction: what the escrow held and nobody was paid, so no rounding can lose or make a wei.
        uint256 refund = t.price * (results.length / 2 + free) + fee - t.paid - t.taken;
        bool evaluated = t.scores != NOT_EVALUATED && t.outcome != State.Void;
        if (evaluated) {
            refund -= fee;
            if (fee != 0) _balance[task.evaluator()][token] += fee;
        } else {
            fee = 0;
        }
        if (refund != 0) _balance[task.requester()][token] += refund;
        if (t.shared != 0) _balance[POOL][token] += t.shared;
        uint256 weights = t.winnerWeight | (t.totalWeight << 32) | (evaluated ? 1 << 64 : 0);
        emit TaskSettled(taskId, t.outcome, winner, weights, refund, t.taken + t.lostBonds, fee, results);
    }

    /// @dev keccak256(abi.encodePacked(winner, results)), hashed where the results lie: the winner stands in for their length.
    function _receiptDigest(bytes32 winner, uint256[] memory results) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let n := mload(results)
            mstore(results, winner)
            digest := keccak256(results, add(32, shl(5, n)))
            mstore(results, n)
        }
    }

    function _closeUnseated(Task calldata task, bytes32 taskId, State outcome) private returns (uint256 refund) {
        _head[taskId] = HeadLib.closed(outcome, block.timestamp, 0);
        refund = task.escrow();
        _balance[task.requester()][task.token()] += refund;
    }

    /// @dev The seats; reverts while one of them, or a newcomer, may still act.
    function _closingSeats(bytes32 taskId, Head head, State state) private view returns (Seat[] memory seats) {
        uint256 n = head.seats();
        if (state == State.Awarded && head.free() != 0) revert Pending(taskId, head.commitEnd());
        seats = new Seat[](n);
        for (uint256 i; i < n; ++i) {
            Seat word = _seat[head.desk()][i].word;
            uint256 tag = word.tag();
            if (tag == SeatLib.AWARDED && state == State.Awarded) revert Pending(taskId, head.commitEnd());
            if (tag == SeatLib.COMMITTED && state < State.Evaluating) revert Pending(taskId, head.revealEnd());
            seats[i] = word;
        }
    }

    /// @dev Heaviest answer; equal weights go to the lower keccak256(taskId ‖ first 26 bytes of the answer's digest).
    function _tally(bytes32 taskId, Seat[] memory seats, Task calldata task) private pure returns (Tally memory t) {
        uint256 n = seats.length;
        bool any;
        unchecked {
            // At most 16 weights of at most 10000.
            for (uint256 i; i < n; ++i) {
                Seat a = seats[i];
                t.totalWeight += a.weight();
                if (a.tag() != SeatLib.REVEALED) continue;
                uint256 answer = a.value208();
                if (any && answer == t.winner) continue;
                any = true;
                uint256 weight;
                uint256 supporters;
                for (uint256 j = i; j < n; ++j) {
                    Seat b = seats[j];
                    if (b.tag() == SeatLib.REVEALED && b.value208() == answer) {
                        weight += b.weight();
                        ++supporters;
                    }
                }
                if (
                    weight > t.winnerWeight
                        || (weight == t.winnerWeight && _rank(taskId, answer) < _rank(taskId, t.winner))
                ) {
                    (t.winner, t.winnerWeight, t.supporters) = (answer, weight, supporters);
                }
            }
            if (!any) t.outcome = State.Void;
            else if (n >= task.minSeats() && t.winnerWeight * 10_000 >= task.quorumBps() * t.totalWeight) {
                t.outcome = State.Settled;
            } else {
                t.outcome = State.Inconclusive;
            }
        }
    }

    function _rank(bytes32 taskId, uint256 answer) private pure returns (uint256) {
        return uint256(keccak256(abi.encodePacked(taskId, bytes26(uint208(answer)))));
    }

    function _closeSeats(Task calldata task, Seat[] memory seats, Tally memory t)
        private
        returns (uint256[] memory results)
    {
        uint256 n = seats.length;
        results = new uint256[](n * 2);
        for (uint256 i; i < n; ++i) {
            (uint256 result, uint256 earned) = _closeSeat(task, seats[i], i, n == 1, t);
            assembly ("memory-safe") {
                let place := add(results, add(32, shl(6, i)))
                mstore(place, result)
                mstore(add(place, 32), earned)
            }
        }
    }

    /// @dev Pays one seat, returns or burns its bond, and moves its earned word.
    function _closeSeat(Task calldata task, Seat seat, uint256 i, bool alone, Tally memory t)
        private
        returns (uint256 result, uint256 word)
    {
        uint256 agentId = seat.agentId();
        uint256 credit;
        if (seat.tag() == SeatLib.REVEALED) {
            (result, credit) = _judge(task, seat.value208() == t.winner, i, alone, t);
        } else {
            // A no-show always scores zero.
            t.lostBonds += task.bond();
            if (t.scoring) result = SCORED;
        }
        result |= agentId | (seat.weight() << 48);
        _credit(agentId, task.token(), credit, result & REVEALED != 0, result & WON != 0);
        Word storage earned = _earned[agentId][task.pageId];
        uint256 before = earned.value;
        if (result & SCORED == 0) return (result, before);
        word = Capability.step(before, task.requirement, uint16(result >> 32));
        if (word != before) earned.value = word;
    }

    /// @dev Score and pay of a revealed seat: its result word, agent and weight apart, and what its agent is owed.
    function _judge(Task calldata task, bool heaviest, uint256 i, bool alone, Tally memory t)
        private
        view
        returns (uint256 result, uint256 credit)
    {
        // Prices and bonds are below 2⁹⁶, shares and scores at most 10000: nothing here overflows, and no difference is negative.
        unchecked {
            bool settled = t.outcome == State.Settled;
            bool scored = t.scoring;
            uint256 score;
            if (heaviest && settled) (result, score) = (REVEALED | WON, Capability.FULL);
            else result = REVEALED;
            uint256 base = task.baseBps();
            uint256 pay = t.price * (base * 10_000 + (10_000 - base) * score) / 1e8;
            // A reveal is scored by an evaluation, or by a vote that reached its quorum. A winner whom nobody agreed with proves
            // nothing of anybody, nor does a seat that was alone: money moves, reputation does not.
            if (t.scores == NOT_EVALUATED) {
                scored = scored && settled && t.supporters > 1;
            } else {
                scored = scored && !alone;
                score = uint16(t.scores >> (16 * i));
                uint256 byVote = pay;
                pay = t.price * (base * 10_000 + (10_000 - base) * score) / 1e8;
                if (pay < byVote) t.taken += byVote - pay; // nobody may gain by a harsh evaluation
            }
            if (scored) {
                uint256 burn = pay * SCORE_BURN_BPS / 10_000;
                t.taken += burn;
                pay -= burn;
                result |= SCORED;
            }
            t.paid += pay;
            result |= (score << 32) | (pay << 64);
            credit = pay + task.bond();
            uint256 sharedBps = task.sharedBps();
            if (sharedBps != 0) {
                uint256 shared = pay * sharedBps / 10_000;
                t.shared += shared;
                credit -= shared;
            }
        }
    }

    /* SIGNATURES */

    function _requireSender(address expected) private view {
        if (msg.sender != expected) revert NotAuthorized(msg.sender, expected);
    }

    function _authorize(address expected, bytes32 message, bytes calldata signature) private view {
        if (signature.length == 0) _requireSender(expected);
        else if (!Signatures.isValid(expected, _hashTypedData(message), signature)) revert BadSignature(expected);
    }
}
