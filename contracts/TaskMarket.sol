// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IAgentRegistry} from "./interfaces/IAgentRegistry.sol";
import {Bid, ITaskMarket, Skip, State, Task} from "./interfaces/ITaskMarket.sol";
import {Capability} from "./libraries/Capability.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Head, HeadLib, Seat, SeatLib} from "./libraries/Words.sol";

/// @title The market of tasks; its interface carries the documentation.
/// @dev `multicall` is not payable, so no call in a batch ever sees a value: none can be counted twice.
contract TaskMarket is EIP712, Multicall, ITaskMarket {
    uint256 public constant MAX_SEATS = 16;
    uint256 public constant MAX_BIDS = 32;
    uint256 public constant MAX_INLINE_ANSWER = 256;
    uint256 public constant MAX_WINDOW = 30 days;

    bytes32 public constant TASK_TYPEHASH = keccak256(
        "Task(address requester,address router,address token,uint96 ceiling,uint16 baseBps,uint96 bond,uint8 kind,bytes32 pageId,uint256 requirement,uint16 minMatchBps,uint8 k,uint8 minSeats,uint16 quorumBps,uint40 bidEnd,uint40 commitEnd,uint32 revealWindow,address evaluator,uint32 evaluationWindow,uint96 evaluationFee,uint16 sharedBps,bytes32 parent,bytes32 header,bytes32 salt)"
    );
    bytes32 public constant BID_TYPEHASH =
        keccak256("Bid(bytes32 taskId,uint256 agentId,uint96 price,uint16 confidenceBps,uint40 expiry)");
    bytes32 public constant AWARD_TYPEHASH = keccak256("Award(bytes32 taskId,uint256[] agentIds,uint256[] prices)");
    bytes32 public constant COMMIT_TYPEHASH = keccak256("Commit(bytes32 taskId,uint256 seat,bytes32 commitment)");
    bytes32 public constant CANCEL_TYPEHASH = keccak256("Cancel(bytes32 taskId)");
    bytes32 public constant CLAIM_TYPEHASH =
        keccak256("Claim(uint256 agentId,address token,address to,uint256 nonce,uint256 deadline)");
    bytes32 public constant WITHDRAW_TYPEHASH = keccak256(
        "Withdraw(address account,address token,address to,uint256 amount,uint256 nonce,uint256 deadline)"
    );
    bytes32 public constant ANSWER_TYPEHASH = keccak256(
        "Answer(bytes32 taskId,uint256 agentId,bytes32 answerDigest,bytes32 evidenceDigest,bytes32 salt)"
    );

    IAgentRegistry public immutable REGISTRY;
    /// @notice Least length of the bid, commit and reveal windows of this deployment, in seconds.
    uint256 public immutable MIN_WINDOW;

    /* STORAGE */

    mapping(bytes32 taskId => Head) private _head;
    mapping(bytes32 taskId => mapping(uint256 seat => Seat)) private _seat;
    mapping(address account => mapping(address token => uint256)) private _balance;
    /// accrued (128) | seats (32) | won (32) | noShows (32), from the lowest bit
    mapping(uint256 agentId => mapping(address token => uint256)) private _account;
    mapping(uint256 agentId => mapping(bytes32 pageId => uint256)) private _earned;
    mapping(address token => uint256) private _burnt;
    mapping(address account => uint256) public nonces;

    constructor(IAgentRegistry registry, uint256 minWindow) EIP712("Symphony TaskMarket", "1") {
        REGISTRY = registry;
        MIN_WINDOW = minWindow;
    }

    /* MONEY */

    /// @inheritdoc ITaskMarket
    function deposit(address account) public payable {
        if (account == address(0)) revert ZeroAddress();
        _balance[account][address(0)] += msg.value;
        emit Deposited(account, address(0), msg.value, msg.sender);
    }

    /// @inheritdoc ITaskMarket
    function fundAgent(uint256 agentId) external payable {
        (address owner,) = REGISTRY.ownerAndWallet(agentId);
        if (owner == address(0)) revert UnknownAgent(agentId);
        _account[agentId][address(0)] += msg.value;
        emit AgentFunded(agentId, address(0), msg.value, msg.sender);
    }

    /// @inheritdoc ITaskMarket
    function withdraw(
        address account,
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        bytes calldata signature
    ) external {
        if (signature.length == 0) {
            if (msg.sender != account) revert NotAuthorized(msg.sender, account);
        } else {
            if (block.timestamp > deadline) revert SignatureExpired(deadline);
            uint256 nonce = nonces[account]++;
            bytes32 message = keccak256(abi.encode(WITHDRAW_TYPEHASH, account, token, to, amount, nonce, deadline));
            // A malformed signature recovers to zero: zero is nobody.
            if (_signer(message, signature) != account || account == address(0)) revert BadSignature(account);
        }
        _debit(account, token, amount);
        emit Withdrawn(account, token, to, amount);
        _send(to, amount);
    }

    /// @inheritdoc ITaskMarket
    function claim(uint256 agentId, address token, address to, uint256 deadline, bytes calldata signature) external {
        (address owner, address wallet) = REGISTRY.ownerAndWallet(agentId);
        if (owner == address(0)) revert UnknownAgent(agentId);
        address by = signature.length == 0 ? msg.sender : _claimSigner(agentId, token, to, deadline, signature, owner, wallet);
        if (by != owner) {
            if (by != wallet) revert NotAuthorized(by, owner);
            // The operator key lives on the agent's machine: it may collect for the owner, never for itself.
            if (to != owner) revert WalletMayOnlyPayOwner(agentId, owner);
        }
        uint256 word = _account[agentId][token];
        uint256 amount = uint128(word);
        if (amount == 0) revert NothingToClaim(agentId, token);
        _account[agentId][token] = word - amount;
        emit PayClaimed(agentId, token, to, amount);
        _send(to, amount);
    }

    /* LIFE OF A TASK */

    /// @inheritdoc ITaskMarket
    function post(Task calldata task, bytes calldata signature) public returns (bytes32 taskId) {
        taskId = taskIdOf(task);
        if (signature.length == 0) {
            if (msg.sender != task.requester) revert NotAuthorized(msg.sender, task.requester);
        } else if (Signatures.recover(taskId, signature) != task.requester || task.requester == address(0)) {
            revert BadSignature(task.requester);
        }
        if (_head[taskId].phase() != State.None) revert TaskExists(taskId);
        _check(task);
        uint256 revealEnd = uint256(task.commitEnd) + task.revealWindow;
        _head[taskId] = HeadLib.make(State.Open, 0, 0, task.bidEnd, task.commitEnd, revealEnd);
        _debit(task.requester, task.token, uint256(task.ceiling) * task.k);
        emit TaskPosted(taskId, task.requester, task);
    }

    /// @inheritdoc ITaskMarket
    function depositAndPost(Task calldata task) external payable returns (bytes32 taskId) {
        deposit(msg.sender);
        return post(task, msg.data[0:0]);
    }

    /// @inheritdoc ITaskMarket
    function cancel(Task calldata task, bytes calldata signature) external {
        bytes32 taskId = taskIdOf(task);
        _authorize(task.requester, keccak256(abi.encode(CANCEL_TYPEHASH, taskId)), signature);
        State state = stateOf(taskId);
        if (state != State.Open && state != State.Unawarded) revert WrongState(taskId, state, State.Open);
        _head[taskId] = HeadLib.closed(State.Cancelled);
        uint256 refund = uint256(task.ceiling) * task.k;
        _balance[task.requester][task.token] += refund;
        emit TaskCancelled(taskId, refund);
    }

    /// @inheritdoc ITaskMarket
    function bid(bytes32 taskId, Bid calldata b) external {
        State state = stateOf(taskId);
        if (state != State.Open) revert WrongState(taskId, state, State.Open);
        (, address wallet) = REGISTRY.ownerAndWallet(b.agentId);
        if (wallet == address(0)) revert UnknownAgent(b.agentId);
        if (_bidSigner(taskId, b) != wallet) revert BadSignature(wallet);
        emit BidPosted(taskId, b.agentId, b.price, b.confidenceBps, b.expiry, b.signature);
    }

    /// @inheritdoc ITaskMarket
    function award(Task calldata task, Bid[] calldata bids, bytes calldata signature) external {
        bytes32 taskId = taskIdOf(task);
        Head head = _head[taskId];
        State state = head.stateAt(block.timestamp);
        if (state != State.Open) revert WrongState(taskId, state, State.Open);
        if (bids.length > MAX_BIDS) revert TooManyBids(bids.length, MAX_BIDS);

        uint256[] memory ids = new uint256[](bids.length);
        for (uint256 i; i < bids.length; ++i) {
            ids[i] = bids[i].agentId;
        }
        _authorizeAward(task, taskId, bids, ids, signature);

        (uint256 price, uint256[] memory seats) = _seatBids(task, taskId, bids, ids);
        if (seats.length < task.minSeats) revert TooFewSeats(seats.length, task.minSeats);

        _head[taskId] = HeadLib.make(
            State.Awarded, seats.length, price, head.bidEnd(), head.commitEnd(), head.revealEnd()
        );
        uint256 returned = uint256(task.ceiling) * task.k - price * seats.length;
        if (returned != 0) _balance[task.requester][task.token] += returned;
        emit TaskAwarded(taskId, price, returned, seats);
    }

    /// @inheritdoc ITaskMarket
    function commit(bytes32 taskId, uint256 seat, bytes32 commitment, bytes calldata signature) external {
        State state = stateOf(taskId);
        if (state != State.Awarded) revert WrongState(taskId, state, State.Awarded);
        Seat word = _seat[taskId][seat];
        uint256 tag = word.tag();
        if (tag == 0) revert NoSuchSeat(taskId, seat);
        if (tag != SeatLib.AWARDED) revert AlreadyCommitted(taskId, seat);
        _authorize(word.wallet(), keccak256(abi.encode(COMMIT_TYPEHASH, taskId, seat, commitment)), signature);
        _seat[taskId][seat] = word.advance(SeatLib.COMMITTED, commitment);
        emit AnswerCommitted(taskId, word.agentId(), seat, commitment);
    }

    /// @inheritdoc ITaskMarket
    function reveal(
        bytes32 taskId,
        uint256 seat,
        bytes32 answerDigest,
        bytes32 evidenceDigest,
        bytes32 salt,
        bytes calldata answer
    ) external {
        _beginRevealing(taskId);
        Seat word = _seat[taskId][seat];
        uint256 tag = word.tag();
        if (tag != SeatLib.COMMITTED) {
            if (tag == 0) revert NoSuchSeat(taskId, seat);
            if (tag == SeatLib.AWARDED) revert NotCommitted(taskId, seat);
            revert AlreadyRevealed(taskId, seat);
        }
        bytes32 commitment = commitmentOf(taskId, word.agentId(), answerDigest, evidenceDigest, salt);
        if (uint256(commitment) >> 48 != word.value208()) revert CommitmentMismatch(taskId, seat);
        if (answer.length != 0) {
            if (answer.length > MAX_INLINE_ANSWER) revert AnswerTooLong(answer.length, MAX_INLINE_ANSWER);
            if (sha256(answer) != answerDigest) revert AnswerMismatch(answerDigest);
        }
        _seat[taskId][seat] = word.advance(SeatLib.REVEALED, answerDigest);
        emit AnswerRevealed(taskId, word.agentId(), seat, answerDigest, evidenceDigest, salt, answer);
    }

    /// @inheritdoc ITaskMarket
    function settle(Task calldata task) external {
        bytes32 taskId = taskIdOf(task);
        Head head = _head[taskId];
        State state = head.stateAt(block.timestamp);
        if (state == State.Unawarded) {
            _head[taskId] = HeadLib.closed(State.Expired);
            uint256 escrow = uint256(task.ceiling) * task.k;
            _balance[task.requester][task.token] += escrow;
            emit TaskSettled(taskId, State.Expired, 0, 0, 0, escrow, 0, new uint256[](0));
            return;
        }
        if (state < State.Awarded || state > State.Closing) revert WrongState(taskId, state, State.Closing);

        Seat[] memory seats = _takeSeats(taskId, head, state);
        Tally memory t = _tally(taskId, seats, task.quorumBps);
        t.price = head.price();
        uint256[] memory results = _closeSeats(task, seats, t);

        _head[taskId] = HeadLib.closed(t.outcome);
        // By subtraction: what the escrow held and nobody was paid, so no rounding can lose or make a wei.
        uint256 refund = t.price * seats.length - t.paid;
        if (refund != 0) _balance[task.requester][task.token] += refund;
        if (t.burnt != 0) _burnt[task.token] += t.burnt;
        bytes32 winner = t.outcome == State.Settled ? bytes32(t.winner << 48) : bytes32(0);
        emit TaskSettled(taskId, t.outcome, winner, t.winnerWeight, t.totalWeight, refund, t.burnt, results);
    }

    /// @inheritdoc ITaskMarket
    function multicall(bytes[] calldata calls)
        public
        override(Multicall, ITaskMarket)
        returns (bytes[] memory results)
    {
        return super.multicall(calls);
    }

    /* VIEWS */

    /// @inheritdoc ITaskMarket
    /// @dev The struct is 23 whole words of calldata, so it is hashed as it lies there. Dirty high bits only name a task that
    /// cannot be posted: `post` reads, and so validates, every field.
    function taskIdOf(Task calldata task) public view returns (bytes32) {
        bytes32 typeHash = TASK_TYPEHASH;
        bytes32 structHash;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            calldatacopy(add(p, 32), task, 736)
            structHash := keccak256(p, 768)
        }
        return _hashTypedDataV4(structHash);
    }

    /// @inheritdoc ITaskMarket
    function stateOf(bytes32 taskId) public view returns (State) {
        return _head[taskId].stateAt(block.timestamp);
    }

    /// @inheritdoc ITaskMarket
    function headOf(bytes32 taskId) external view returns (uint256, uint256, uint256, uint256, uint256) {
        Head head = _head[taskId];
        return (head.price(), head.seats(), head.bidEnd(), head.commitEnd(), head.revealEnd());
    }

    /// @inheritdoc ITaskMarket
    function seatOf(bytes32 taskId, uint256 seat) external view returns (uint256) {
        return Seat.unwrap(_seat[taskId][seat]);
    }

    /// @inheritdoc ITaskMarket
    function balanceOf(address account, address token) external view returns (uint256) {
        return _balance[account][token];
    }

    /// @inheritdoc ITaskMarket
    function accountOf(uint256 agentId, address token) external view returns (uint256, uint256, uint256, uint256) {
        uint256 word = _account[agentId][token];
        return (uint128(word), uint32(word >> 128), uint32(word >> 160), uint32(word >> 192));
    }

    /// @inheritdoc ITaskMarket
    function earnedOf(uint256 agentId, bytes32 pageId) external view returns (uint256) {
        return _earned[agentId][pageId];
    }

    /// @inheritdoc ITaskMarket
    function burntOf(address token) external view returns (uint256) {
        return _burnt[token];
    }

    /// @inheritdoc ITaskMarket
    function commitmentOf(
        bytes32 taskId,
        uint256 agentId,
        bytes32 answerDigest,
        bytes32 evidenceDigest,
        bytes32 salt
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(ANSWER_TYPEHASH, taskId, agentId, answerDigest, evidenceDigest, salt));
    }

    /* POST */

    function _check(Task calldata task) private view {
        if (task.token != address(0)) revert UnsupportedParameter("token");
        if (task.kind != 0) revert UnsupportedParameter("kind");
        if (task.evaluator != address(0) || task.evaluationWindow != 0 || task.evaluationFee != 0) {
            revert UnsupportedParameter("evaluator");
        }
        if (task.sharedBps != 0) revert UnsupportedParameter("sharedBps");
        if (task.parent != 0) revert UnsupportedParameter("parent");
        if (task.requirement == 0 || !Capability.inRange(task.requirement)) {
            revert ParameterOutOfRange("requirement", task.requirement, 1, Capability.FULL);
        }
        _within("ceiling", task.ceiling, 1, type(uint96).max);
        _within("baseBps", task.baseBps, 0, 10_000);
        _within("minMatchBps", task.minMatchBps, 0, 10_000);
        _within("k", task.k, 1, MAX_SEATS);
        _within("minSeats", task.minSeats, 1, task.k);
        _within("quorumBps", task.quorumBps, 1, 10_000);
        _within("bidEnd", task.bidEnd, block.timestamp + MIN_WINDOW, block.timestamp + MAX_WINDOW);
        _within("commitEnd", task.commitEnd, task.bidEnd + MIN_WINDOW, task.bidEnd + MAX_WINDOW);
        _within("revealWindow", task.revealWindow, MIN_WINDOW, MAX_WINDOW);
    }

    function _within(string memory name, uint256 value, uint256 min, uint256 max) private pure {
        if (value < min || value > max) revert ParameterOutOfRange(name, value, min, max);
    }

    /* AWARD */

    function _authorizeAward(
        Task calldata task,
        bytes32 taskId,
        Bid[] calldata bids,
        uint256[] memory ids,
        bytes calldata signature
    ) private view {
        address by = msg.sender;
        if (signature.length != 0) {
            uint256[] memory prices = new uint256[](bids.length);
            for (uint256 i; i < bids.length; ++i) {
                prices[i] = bids[i].price;
            }
            bytes32 message = keccak256(
                abi.encode(
                    AWARD_TYPEHASH,
                    taskId,
                    keccak256(abi.encodePacked(ids)),
                    keccak256(abi.encodePacked(prices))
                )
            );
            by = _signer(message, signature);
        }
        if (by == task.requester || (by == task.router && by != address(0))) return;
        if (signature.length != 0) revert BadSignature(task.requester);
        revert NotAuthorized(by, task.requester);
    }

    struct Seating {
        address[] owners; // of the bids; the first `seated` are the owners of the seated ones: compacted in place
        address[] wallets;
        uint256[] declared;
        uint256[] seats; // words of TaskAwarded
        uint256 seated;
        uint256 price; // highest seated ask
    }

    /// @dev Walks the bids in the caller's order until k are seated.
    function _seatBids(Task calldata task, bytes32 taskId, Bid[] calldata bids, uint256[] memory ids)
        private
        returns (uint256 price, uint256[] memory seats)
    {
        Seating memory s;
        (s.owners, s.wallets, s.declared) = REGISTRY.seatingOf(ids, task.pageId);
        s.seats = new uint256[](task.k);
        for (uint256 i; i < bids.length && s.seated < task.k; ++i) {
            Skip reason = _seatBid(task, taskId, bids[i], i, s);
            if (reason != Skip.None) emit BidSkipped(taskId, bids[i].agentId, reason);
        }
        (price, seats) = (s.price, s.seats);
        uint256 seated = s.seated;
        assembly ("memory-safe") {
            mstore(seats, seated) // only ever shorter
        }
    }

    function _seatBid(Task calldata task, bytes32 taskId, Bid calldata b, uint256 i, Seating memory s)
        private
        returns (Skip)
    {
        address wallet = s.wallets[i];
        if (wallet == address(0) || b.agentId > type(uint32).max) return Skip.UnknownAgent;
        if (block.timestamp > b.expiry) return Skip.BidExpired;
        if (b.price > task.ceiling) return Skip.PriceAboveCeiling;
        for (uint256 j; j < s.seated; ++j) {
            if (s.owners[j] == s.owners[i]) return Skip.OwnerSeated;
        }
        (uint256 matchBps, uint256 weight) =
            Capability.matchAndWeight(s.declared[i], _earned[b.agentId][task.pageId], task.requirement);
        if (matchBps < task.minMatchBps) return Skip.MatchTooLow;
        if (_bidSigner(taskId, b) != wallet) return Skip.BadSignature;
        if (!_lockBond(b.agentId, task.token, task.bond)) return Skip.BondUnfunded;

        s.owners[s.seated] = s.owners[i];
        _seat[taskId][s.seated] = SeatLib.awarded(wallet, b.agentId, weight);
        s.seats[s.seated++] = uint256(uint160(wallet)) | (b.agentId << 160) | (weight << 192);
        if (b.price > s.price) s.price = b.price;
        return Skip.None;
    }

    function _lockBond(uint256 agentId, address token, uint256 bond) private returns (bool) {
        if (bond == 0) return true;
        uint256 word = _account[agentId][token];
        if (uint128(word) < bond) return false;
        _account[agentId][token] = word - bond;
        return true;
    }

    /* REVEAL */

    /// @dev Reveals open when all have committed or commitEnd is past. The first early reveal looks at every seat and notes the
    /// phase, so that commits need no counter and later reveals one read.
    function _beginRevealing(bytes32 taskId) private {
        Head head = _head[taskId];
        State state = head.stateAt(block.timestamp);
        if (state == State.Revealing) return;
        if (state != State.Awarded) revert WrongState(taskId, state, State.Revealing);
        uint256 n = head.seats();
        for (uint256 i; i < n; ++i) {
            if (_seat[taskId][i].tag() == SeatLib.AWARDED) revert WrongState(taskId, state, State.Revealing);
        }
        _head[taskId] = head.withPhase(State.Revealing);
    }

    /* SETTLE */

    struct Tally {
        State outcome;
        uint256 winner; // 208 bits of the winning answer's digest
        uint256 winnerWeight;
        uint256 totalWeight;
        uint256 supporters; // seats that gave the winning answer
        uint256 price; // per seat
        uint256 paid; // to all seats, bonds apart
        uint256 burnt; // bonds of the no-shows
    }

    /// @dev Reads and clears the seats; reverts while one of them may still act.
    function _takeSeats(bytes32 taskId, Head head, State state) private returns (Seat[] memory seats) {
        uint256 n = head.seats();
        seats = new Seat[](n);
        for (uint256 i; i < n; ++i) {
            Seat word = _seat[taskId][i];
            uint256 tag = word.tag();
            if (tag == SeatLib.AWARDED && state == State.Awarded) revert RevealsPending(taskId, head.commitEnd());
            if (tag == SeatLib.COMMITTED && state != State.Closing) revert RevealsPending(taskId, head.revealEnd());
            seats[i] = word;
            _seat[taskId][i] = Seat.wrap(0);
        }
    }

    /// @dev Heaviest answer; equal weights go to the lower keccak256(taskId ‖ first 26 bytes of the answer's digest).
    function _tally(bytes32 taskId, Seat[] memory seats, uint256 quorumBps) private pure returns (Tally memory t) {
        uint256 revealed;
        for (uint256 i; i < seats.length; ++i) {
            Seat a = seats[i];
            t.totalWeight += a.weight();
            if (a.tag() != SeatLib.REVEALED) continue;
            ++revealed;
            uint256 answer = a.value208();
            if (answer == t.winner && t.winnerWeight != 0) continue;
            (uint256 weight, uint256 supporters) = _support(seats, i);
            if (
                weight > t.winnerWeight
                    || (weight == t.winnerWeight && weight != 0 && _rank(taskId, answer) < _rank(taskId, t.winner))
            ) {
                (t.winner, t.winnerWeight, t.supporters) = (answer, weight, supporters);
            }
        }
        if (revealed == 0) t.outcome = State.Void;
        else if (t.winnerWeight * 10_000 >= quorumBps * t.totalWeight) t.outcome = State.Settled;
        else t.outcome = State.Inconclusive;
    }

    /// @dev Weight and number of the seats that gave seat `first`'s answer.
    function _support(Seat[] memory seats, uint256 first) private pure returns (uint256 weight, uint256 supporters) {
        uint256 answer = seats[first].value208();
        for (uint256 i; i < seats.length; ++i) {
            Seat s = seats[i];
            if (s.tag() == SeatLib.REVEALED && s.value208() == answer) {
                weight += s.weight();
                ++supporters;
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
        results = new uint256[](seats.length * 2);
        for (uint256 i; i < seats.length; ++i) {
            (results[2 * i], results[2 * i + 1]) = _closeSeat(task, seats[i], t);
        }
    }

    /// @dev Pays one seat, returns or burns its bond, and moves its earned word.
    function _closeSeat(Task calldata task, Seat seat, Tally memory t)
        private
        returns (uint256 result, uint256 earned)
    {
        uint256 agentId = seat.agentId();
        bool revealed = seat.tag() == SeatLib.REVEALED;
        bool won = revealed && t.outcome == State.Settled && seat.value208() == t.winner;
        // A no-show always scores zero. A reveal is scored when the vote reached its quorum; a winner whom nobody agreed with
        // earns money, never reputation.
        bool scored = !revealed || (t.outcome == State.Settled && !(won && t.supporters == 1));
        uint256 pay;
        if (revealed) {
            pay = won ? t.price : t.price * task.baseBps / 10_000;
            t.paid += pay;
            result = (1 << 48) | (pay << 64) | (uint256(task.bond) << 160);
            pay += task.bond;
        } else {
            t.burnt += task.bond;
        }
        result |= agentId | (won ? 10_000 << 32 : 0) | (scored ? 1 << 49 : 0);
        _credit(agentId, task.token, pay, revealed, won);
        earned = _score(agentId, task.pageId, task.requirement, scored, won);
    }

    function _credit(uint256 agentId, address token, uint256 amount, bool revealed, bool won) private {
        uint256 word = _account[agentId][token];
        word += amount + (1 << 128);
        if (won) word += 1 << 160;
        if (!revealed) word += 1 << 192;
        _account[agentId][token] = word;
    }

    function _score(uint256 agentId, bytes32 pageId, uint256 requirement, bool scored, bool won)
        private
        returns (uint256 word)
    {
        uint256 before = _earned[agentId][pageId];
        if (!scored) return before;
        word = Capability.step(before, requirement, won ? Capability.FULL : 0);
        if (word != before) _earned[agentId][pageId] = word;
    }

    /* SIGNATURES AND MONEY */

    function _signer(bytes32 message, bytes calldata signature) private view returns (address) {
        return Signatures.recover(_hashTypedDataV4(message), signature);
    }

    function _bidSigner(bytes32 taskId, Bid calldata b) private view returns (address) {
        return _signer(
            keccak256(abi.encode(BID_TYPEHASH, taskId, b.agentId, b.price, b.confidenceBps, b.expiry)), b.signature
        );
    }

    function _authorize(address expected, bytes32 message, bytes calldata signature) private view {
        if (signature.length == 0) {
            if (msg.sender != expected) revert NotAuthorized(msg.sender, expected);
        } else if (_signer(message, signature) != expected || expected == address(0)) {
            revert BadSignature(expected);
        }
    }

    function _claimSigner(
        uint256 agentId,
        address token,
        address to,
        uint256 deadline,
        bytes calldata signature,
        address owner,
        address wallet
    ) private returns (address by) {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        by = owner;
        for (uint256 i; i < 2; ++i) {
            bytes32 message = keccak256(abi.encode(CLAIM_TYPEHASH, agentId, token, to, nonces[by], deadline));
            if (_signer(message, signature) == by) {
                nonces[by]++;
                return by;
            }
            by = wallet;
        }
        revert BadSignature(owner);
    }

    function _debit(address account, address token, uint256 amount) private {
        uint256 have = _balance[account][token];
        if (have < amount) revert InsufficientBalance(account, token, have, amount);
        unchecked {
            _balance[account][token] = have - amount;
        }
    }

    function _send(address to, uint256 amount) private {
        if (to == address(0)) revert ZeroAddress();
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert TransferFailed(to, amount);
    }
}
