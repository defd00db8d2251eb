// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC8004Reputation, IReputation} from "../interfaces/IReputation.sol";
import {State} from "../interfaces/ITaskMarket.sol";
import {Bid} from "../libraries/Orders.sol";
import {Receipt, ReceiptLib} from "../libraries/Receipts.sol";
import {Reputation} from "../Reputation.sol";
import {Order, Vm, vm} from "./Base.t.sol";
import {PlainToken} from "./Hostile.sol";
import {Scene} from "./Scene.t.sol";

/// @title Rules of feedback and anchors, on real settlements; whole lives beside a model are in tests/contract.
contract ReputationTest is Scene {
    int128 private constant MAX = 1e38;
    bytes32 private constant VERDICT = "verdict";
    Reputation private reputation;
    uint256 private _salt;

    /* OPEN */

    function test_anyoneOpensARevealedSeatOnce() external {
        (Receipt memory r, bytes32 id) = _settled(_order(requester, 1), _answers(7, 7, 9));
        vm.recordLogs();
        vm.prank(judge);
        reputation.open(r, 1);
        _emitted(
            abi.encodePacked(IReputation.FeedbackOpened.selector, id, uint256(2), _word(requester)),
            abi.encode(uint256(1))
        );
        assertEq(reputation.creditsOf(2, requester), 1, "the requester's credit");
        assertEq(reputation.creditsOf(2, judge), 0, "who opens gains nothing");
        assertEq(reputation.creditsOf(1, requester), 0, "another seat's agent");
        assertEq(reputation.openedOf(id), 2, "opened seats");
        bytes memory error_ = abi.encodeWithSelector(IReputation.AlreadyOpened.selector, id, 1);
        _rejected(requester, abi.encodeCall(reputation.open, (r, 1)), error_);
        reputation.open(r, 2);
        assertEq(reputation.openedOf(id), 6, "a seat that lost can be rated too");
    }

    function test_onlyASeatThatRevealedCanBeRated() external {
        (Receipt memory r, bytes32 id) = _settled(_order(requester, 1), _answers(7, 7, 0));
        uint256[3] memory seats = [uint256(2), 3, type(uint256).max];
        for (uint256 i; i < 3; ++i) {
            bytes memory error_ = abi.encodeWithSelector(IReputation.NotRevealed.selector, id, seats[i]);
            _rejected(requester, abi.encodeCall(reputation.open, (r, seats[i])), error_);
        }
        assertEq(reputation.openedOf(id), 0, "opened seats");
        (r, id) = _settled(_order(requester, 2), new uint256[](1));
        _isState(id, State.Void);
        _rejected(
            requester,
            abi.encodeCall(reputation.open, (r, 0)),
            abi.encodeWithSelector(IReputation.NotRevealed.selector, id, 0)
        );
    }

    function test_onlyAReceiptOfThisMarketIsProof() external {
        (Receipt memory r, bytes32 id) = _settled(_order(requester, 1), _answers(7, 7, 9));
        bytes memory error_ = abi.encodeWithSelector(ReceiptLib.NoSuchReceipt.selector, id);
        r.results[0] ^= 1;
        _rejected(requester, abi.encodeCall(reputation.open, (r, 0)), error_);
        _rejected(requester, abi.encodeCall(reputation.anchor, (r, VERDICT, id)), error_);
        r.results[0] ^= 1;
        r.winner = ~r.winner;
        _rejected(requester, abi.encodeCall(reputation.open, (r, 0)), error_);
        r.winner = ~r.winner;
        // The same settlement under a task that never was.
        r.task.salt = bytes32(uint256(2));
        error_ = abi.encodeWithSelector(ReceiptLib.NoSuchReceipt.selector, market.taskIdOf(r.task));
        _rejected(requester, abi.encodeCall(reputation.open, (r, 0)), error_);
    }

    /* GIVE */

    function test_onlyWhoPaidMayRate() external {
        (Receipt memory r,) = _settled(_order(requester, 1), _answers(7, 7, 9));
        reputation.open(r, 0);
        _rejected(judge, _giving(1, 87, 0, "", ""), _nothingOpen(1, judge));
        _rejected(_agent(1), _giving(1, 87, 0, "", ""), _nothingOpen(1, _agent(1)));
        _rejected(requester, _giving(2, 87, 0, "", ""), _nothingOpen(2, requester));
        _rejected(requester, _giving(99, 87, 0, "", ""), _nothingOpen(99, requester));
        vm.recordLogs();
        _do(requester, _giving(1, -875, 1, "starred", "maths"));
        _emitted(
            abi.encodePacked(
                IERC8004Reputation.NewFeedback.selector, uint256(1), _word(requester), keccak256("starred")
            ),
            abi.encode(
                uint64(1), int128(-875), uint8(1), "starred", "maths", "https://agent", "ipfs://file", keccak256("file")
            )
        );
        assertEq(reputation.creditsOf(1, requester), 0, "the credit is spent");
        assertEq(reputation.getLastIndex(1, requester), 1, "index");
        _reads(
            abi.encodeCall(reputation.readFeedback, (1, requester, 1)),
            abi.encode(int128(-875), uint8(1), "starred", "maths", false)
        );
        _rejected(requester, _giving(1, 87, 0, "", ""), _nothingOpen(1, requester));
    }

    function test_ratingTakesOneCall() external {
        (Receipt memory r,) = _settled(_order(requester, 1), _answers(7, 7, 9));
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(reputation.open, (r, 0));
        calls[1] = _giving(1, 87, 0, "", "");
        vm.prank(requester);
        reputation.multicall(calls);
        _sums(1, _one(requester), "", "", 1, 87, 0);
    }

    /// @dev Whoever comes to hold the agent while it has a credit for it; the credit outlives that.
    function test_nobodyRatesItsOwnAgent() external {
        (Receipt memory r,) = _settled(_order(requester, 1), _answers(7, 7, 9));
        reputation.open(r, 0);
        bytes memory call = _giving(1, 87, 0, "", "");
        bytes memory error_ = abi.encodeWithSelector(IReputation.SelfFeedback.selector, 1, requester);
        vm.prank(_agent(0));
        registry.approve(requester, 1);
        _rejected(requester, call, error_);
        vm.prank(_agent(0));
        registry.approve(address(0), 1);
        vm.prank(_agent(0));
        registry.setApprovalForAll(requester, true);
        _rejected(requester, call, error_);
        vm.prank(_agent(0));
        registry.setApprovalForAll(requester, false);
        _setWallet(1, REQUESTER);
        _rejected(requester, call, error_);
        vm.prank(_agent(0));
        registry.transferFrom(_agent(0), requester, 1);
        _rejected(requester, call, error_);
        vm.prank(requester);
        registry.transferFrom(requester, judge, 1);
        _do(requester, call);
        assertEq(reputation.getLastIndex(1, requester), 1, "a stranger's agent again");
    }

    function test_valuesAndDecimalsHaveTheirRange() external {
        _rate(requester, MAX, 18, "", "");
        _rate(requester, -MAX, 0, "", "");
        int128[5] memory values = [int128(0), MAX + 1, -MAX - 1, type(int128).max, type(int128).min];
        for (uint256 i; i < 5; ++i) {
            uint8 decimals = i == 0 ? 19 : 0;
            bytes memory error_ = abi.encodeWithSelector(IReputation.ValueOutOfRange.selector, values[i], decimals);
            _rejected(requester, _giving(1, values[i], decimals, "", ""), error_);
        }
        assertEq(reputation.getLastIndex(1, requester), 2, "the extremes are taken");
    }

    function test_tagsHaveAtMost64Bytes() external {
        string memory longest = string(abi.encodePacked(bytes32("tag"), bytes32("tag")));
        string memory longer = string.concat(longest, "!");
        _rate(requester, 1, 0, longest, longest);
        bytes memory error_ = abi.encodeWithSelector(IReputation.TagTooLong.selector, 65, 64);
        _rejected(requester, _giving(1, 1, 0, longer, ""), error_);
        _rejected(requester, _giving(1, 1, 0, "", longer), error_);
        _reads(
            abi.encodeCall(reputation.readFeedback, (1, requester, 1)),
            abi.encode(int128(1), uint8(0), longest, longest, false)
        );
    }

    /* REVOKE AND RESPOND */

    function test_revokedOnceByItsClientItCountsNoMore() external {
        _rate(requester, 87, 0, "", "");
        bytes memory call = abi.encodeCall(reputation.revokeFeedback, (1, 1));
        _rejected(judge, call, _noSuch(judge, 1));
        _rejected(requester, abi.encodeCall(reputation.revokeFeedback, (1, 0)), _noSuch(requester, 0));
        _rejected(requester, abi.encodeCall(reputation.revokeFeedback, (1, 2)), _noSuch(requester, 2));
        vm.recordLogs();
        _do(requester, call);
        _emitted(
            abi.encodePacked(
                IERC8004Reputation.FeedbackRevoked.selector, uint256(1), _word(requester), uint256(1)
            ),
            ""
        );
        _rejected(requester, call, abi.encodeWithSelector(IReputation.AlreadyRevoked.selector, 1, 1));
        _reads(
            abi.encodeCall(reputation.readFeedback, (1, requester, 1)), abi.encode(int128(87), uint8(0), "", "", true)
        );
        _sums(1, _one(requester), "", "", 0, 0, 0);
        assertEq(reputation.creditsOf(1, requester), 0, "the credit stays spent");
    }

    function test_responsesAreCountedByFeedbackClientAndResponder() external {
        _rate(requester, 10, 0, "", "");
        _rate(requester, 20, 0, "", "");
        _rate(judge, 30, 0, "", "");
        vm.recordLogs();
        _do(_agent(0), _responding(requester, 1, "ipfs://re"));
        _emitted(
            abi.encodePacked(
                IERC8004Reputation.ResponseAppended.selector, uint256(1), _word(requester), _word(_agent(0))
            ),
            abi.encode(uint64(1), "ipfs://re", keccak256("re"))
        );
        _do(_agent(0), _responding(requester, 2, "ipfs://re"));
        _do(_agent(3), _responding(requester, 2, "ipfs://re"));
        _do(_agent(0), _responding(judge, 1, "ipfs://re"));
        address[] memory anybody = new address[](0);
        assertEq(reputation.getResponseCount(1, requester, 1, anybody), 1, "the first");
        assertEq(reputation.getResponseCount(1, requester, 2, anybody), 2, "the second");
        assertEq(reputation.getResponseCount(1, requester, 2, _one(_agent(3))), 1, "the second, of one responder");
        assertEq(reputation.getResponseCount(1, requester, 1, _one(_agent(3))), 0, "of one who never came");
        assertEq(reputation.getResponseCount(1, requester, 0, anybody), 3, "all of a client");
        assertEq(reputation.getResponseCount(1, address(0), 0, anybody), 4, "all");
        assertEq(reputation.getResponseCount(1, address(0), 0, _one(_agent(0))), 3, "all of a responder");
        assertEq(reputation.getResponseCount(1, address(0), 0, _two(_agent(0), _agent(3))), 4, "of both");
        assertEq(reputation.getResponseCount(2, address(0), 0, anybody), 0, "another agent");
    }

    function test_aResponseIsToSomethingAndSaysSomething() external {
        _rate(requester, 87, 0, "", "");
        _rejected(_agent(0), _responding(requester, 0, "ipfs://re"), _noSuch(requester, 0));
        _rejected(_agent(0), _responding(requester, 2, "ipfs://re"), _noSuch(requester, 2));
        _rejected(_agent(0), _responding(judge, 1, "ipfs://re"), _noSuch(judge, 1));
        bytes memory error_ = abi.encodeWithSelector(IReputation.EmptyResponse.selector);
        _rejected(_agent(0), _responding(requester, 1, ""), error_);
        assertEq(reputation.getResponseCount(1, requester, 0, new address[](0)), 0, "responses");
    }

    /* ANCHORS */

    function test_anchorsComeFromRequesterAndEvaluatorOnly() external {
        (Receipt memory r, bytes32 id) = _settled(_evaluated(_order(requester, 1)), _answers(7, 7, 9));
        bytes memory call = abi.encodeCall(reputation.anchor, (r, VERDICT, keccak256("file")));
        address[2] memory parties = [requester, judge];
        for (uint256 i; i < 2; ++i) {
            vm.recordLogs();
            _do(parties[i], call);
            _emitted(
                abi.encodePacked(IReputation.Anchored.selector, id, _word(parties[i]), VERDICT),
                abi.encode(keccak256("file"))
            );
        }
        _rejected(_agent(0), call, abi.encodeWithSelector(IReputation.NotOfTask.selector, id, _agent(0)));
    }

    /* SUMMARIES */

    function test_aSummaryNamesItsClients() external {
        _rate(requester, 87, 0, "", "");
        bytes memory call = abi.encodeCall(reputation.getSummary, (1, new address[](0), "", ""));
        _rejected(requester, call, abi.encodeWithSelector(IReputation.NoClients.selector));
        _sums(1, _one(judge), "", "", 0, 0, 0);
        _sums(1, _two(judge, requester), "", "", 1, 87, 0);
    }

    function test_aSummaryFiltersByBothTags() external {
        _rate(requester, 10, 0, "starred", "maths");
        _rate(requester, 20, 0, "starred", "law");
        _rate(requester, 60, 0, "uptime", "maths");
        _sums(1, _one(requester), "", "", 3, 30, 0);
        _sums(1, _one(requester), "starred", "", 2, 15, 0);
        _sums(1, _one(requester), "", "maths", 2, 35, 0);
        _sums(1, _one(requester), "starred", "maths", 1, 10, 0);
        _sums(1, _one(requester), "uptime", "law", 0, 0, 0);
    }

    /// @dev The commonest number of decimals wins, the lowest of equals; the mean is cut toward zero.
    function test_aMeanHasTheCommonestDecimals() external {
        _rate(requester, -105, 1, "", "");
        _sums(1, _one(requester), "", "", 1, -105, 1);
        _rate(requester, -1, 0, "", "");
        _sums(1, _one(requester), "", "", 2, -5, 0);
        _rate(requester, -1055, 2, "", "");
        _rate(requester, -1056, 2, "", "");
        _sums(1, _one(requester), "", "", 4, -815, 2);
    }

    /// @dev Where the reference contracts cut off the upper bits.
    function test_aMeanThatDoesNotFitHasFewerDecimals() external {
        _rate(requester, MAX, 0, "", "");
        _rate(judge, -MAX, 0, "", "");
        for (uint256 i; i < 2; ++i) {
            _rate(requester, 1, 18, "", "");
            _rate(judge, -1, 18, "", "");
        }
        _sums(1, _one(requester), "", "", 3, MAX / 3, 0);
        _sums(1, _one(judge), "", "", 3, -MAX / 3, 0);
        _sums(1, _two(requester, judge), "", "", 6, 0, 18);
    }

    /* THE MARKET AS A CLIENT */

    function test_theMarketRatesEverySeatThatItClosed() external {
        _settled(_order(requester, 1), _answers(7, 7, 9));
        address[] memory market_ = _one(address(market));
        _sums(1, market_, "", "", 1, 100_00, 2);
        _sums(3, market_, "", "", 1, 0, 2);
        _sums(4, market_, "", "", 0, 0, 0);
        _settled(_order(requester, 2), _answers(7, 9, 9));
        _sums(1, market_, "successRate", "", 2, 50_00, 2);
        _sums(1, market_, "starred", "", 0, 0, 0);
        _sums(1, market_, "", "maths", 0, 0, 0);
        _sums(1, market_, "successRate", "maths", 0, 0, 0);
        assertEq(reputation.getLastIndex(1, address(market)), 0, "single entries");
        // Beside others it weighs by its number of seats; the rating below takes a third seat, that wins.
        _rate(requester, 40, 0, "", "");
        _sums(1, _two(address(market), requester), "", "", 4, 60_00, 2);
    }

    function test_theMarketIsTheFirstClientOnceItClosedASeat() external {
        PlainToken coin = _token(requester, 3_000);
        vm.prank(requester);
        market.deposit(requester, address(coin), 3_000);
        Order memory o = _order(requester, 1);
        o.token = address(coin);
        // In another token than the score's it is no success, but its requester may say what it thinks.
        (Receipt memory r,) = _settled(o, _single());
        _reads(abi.encodeCall(reputation.getClients, (1)), abi.encode(new address[](0)));
        reputation.open(r, 0);
        _do(requester, _giving(1, 87, 0, "", ""));
        _reads(abi.encodeCall(reputation.getClients, (1)), abi.encode(_one(requester)));
        _sums(1, _one(address(market)), "", "", 0, 0, 0);
        _rate(requester, 88, 0, "", "");
        _reads(abi.encodeCall(reputation.getClients, (1)), abi.encode(_two(address(market), requester)));
        _settled(_order(requester, 3), _answers(7, 7, 9));
        _reads(abi.encodeCall(reputation.getClients, (2)), abi.encode(_one(address(market))));
    }

    /* READERS */

    function test_onlyWhatExistsIsRead() external {
        _rate(requester, 87, 0, "", "");
        _rejected(judge, abi.encodeCall(reputation.readFeedback, (1, requester, 0)), _noSuch(requester, 0));
        _rejected(judge, abi.encodeCall(reputation.readFeedback, (1, requester, 2)), _noSuch(requester, 2));
        _rejected(judge, abi.encodeCall(reputation.readFeedback, (1, judge, 1)), _noSuch(judge, 1));
    }

    function test_allFeedbackIsReadInOrderAndFiltered() external {
        _rate(requester, 10, 0, "starred", "maths");
        _rate(judge, 21, 1, "starred", "law");
        _rate(requester, 60, 2, "uptime", "maths");
        _do(requester, abi.encodeCall(reputation.revokeFeedback, (1, 1)));
        address[] memory everybody = new address[](0);
        _page(everybody, "", "", true, _list(1, 3, 2));
        _page(everybody, "", "", false, _list(3, 2));
        _page(_two(judge, requester), "", "", true, _list(2, 1, 3));
        _page(_one(judge), "", "", false, _list(2));
        _page(everybody, "starred", "", true, _list(1, 2));
        _page(everybody, "", "maths", true, _list(1, 3));
        _page(everybody, "starred", "maths", false, new uint256[](0));
        _page(_one(_agent(3)), "", "", true, new uint256[](0));
    }

    function test_itNamesItsRegistryAndMarket() external {
        _deployed();
        assertTrue(reputation.getIdentityRegistry() == address(registry), "identity registry");
        assertTrue(address(reputation.REGISTRY()) == address(registry), "registry");
        assertTrue(address(reputation.MARKET()) == address(market), "market");
    }

    /* INSIDE */

    function _deployed() private {
        if (address(reputation) == address(0)) reputation = new Reputation(registry, market);
    }

    /// @dev A task of one seat an answer, closed after all its windows; seat i is of agent i + 1.
    function _settled(Order memory o, uint256[] memory answers) private returns (Receipt memory r, bytes32 id) {
        _deployed();
        o.k = uint8(answers.length);
        r.task = _pack(o);
        vm.prank(o.requester);
        id = market.post{value: o.token == address(0) ? _escrow(o) : 0}(r.task, "");
        Bid[] memory bids = _bids(id, answers.length, o.ceiling);
        vm.prank(o.requester);
        market.award(r.task, bids, "");
        _vote(o, id, answers);
        vm.warp(uint256(o.commitEnd) + o.revealWindow + o.evaluationWindow + 1);
        vm.recordLogs();
        market.settle(r.task);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes memory data = logs[logs.length - 1].data;
        (r.winner,,,,, r.results) = abi.decode(data, (bytes32, uint256, uint256, uint256, uint256, uint256[]));
    }

    /// @dev Agent 1 wins a task of its own, and is rated for it.
    function _rate(address client, int128 value, uint8 decimals, string memory tag1, string memory tag2) private {
        vm.deal(client, 1e18);
        (Receipt memory r,) = _settled(_order(client, 1_000 + ++_salt), _single());
        reputation.open(r, 0);
        _do(client, _giving(1, value, decimals, tag1, tag2));
    }

    function _do(address by, bytes memory call) private {
        vm.prank(by);
        (bool ok,) = address(reputation).call(call);
        assertTrue(ok, "it was refused");
    }

    function _rejected(address by, bytes memory call, bytes memory want) private {
        _refusedBy(address(reputation), by, 0, call, want);
    }

    /// @dev The last event since `recordLogs`: its topics, one after the other, and its data.
    function _emitted(bytes memory topics, bytes memory data) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "events");
        assertTrue(logs[0].emitter == address(reputation), "emitter");
        assertTrue(keccak256(abi.encodePacked(logs[0].topics)) == keccak256(topics), "topics");
        assertTrue(keccak256(logs[0].data) == keccak256(data), "data");
    }

    /// @dev The view answers exactly this.
    function _reads(bytes memory call, bytes memory want) private view {
        (bool ok, bytes memory have) = address(reputation).staticcall(call);
        assertTrue(ok && keccak256(have) == keccak256(want), "another answer");
    }

    function _sums(
        uint256 agentId,
        address[] memory clients,
        string memory tag1,
        string memory tag2,
        uint64 count,
        int128 value,
        uint8 decimals
    ) private view {
        bytes memory call = abi.encodeCall(reputation.getSummary, (agentId, clients, tag1, tag2));
        _reads(call, abi.encode(count, value, decimals));
    }

    struct Columns {
        address[] clients;
        uint64[] indexes;
        int128[] values;
        uint8[] decimals;
        string[] tag1s;
        string[] tag2s;
        bool[] revoked;
    }

    /// @param entries Of the three that `test_allFeedbackIsReadInOrderAndFiltered` gave, from 1.
    function _page(
        address[] memory clients,
        string memory tag1,
        string memory tag2,
        bool includeRevoked,
        uint256[] memory entries
    ) private view {
        bytes memory call = abi.encodeCall(reputation.readAllFeedback, (1, clients, tag1, tag2, includeRevoked));
        _reads(call, _columns(entries));
    }

    function _columns(uint256[] memory entries) private view returns (bytes memory) {
        uint256 n = entries.length;
        Columns memory c;
        (c.clients, c.indexes, c.values, c.decimals) = (new address[](n), new uint64[](n), new int128[](n), new uint8[](n));
        (c.tag1s, c.tag2s, c.revoked) = (new string[](n), new string[](n), new bool[](n));
        for (uint256 i; i < n; ++i) {
            uint256 e = entries[i];
            (c.clients[i], c.indexes[i]) = (e == 2 ? judge : requester, e == 3 ? 2 : 1);
            (c.values[i], c.decimals[i]) = (e == 1 ? int128(10) : e == 2 ? int128(21) : int128(60), uint8(e - 1));
            (c.tag1s[i], c.tag2s[i]) = (e == 3 ? "uptime" : "starred", e == 2 ? "law" : "maths");
            c.revoked[i] = e == 1;
        }
        return abi.encode(c.clients, c.indexes, c.values, c.decimals, c.tag1s, c.tag2s, c.revoked);
    }

    function _giving(uint256 agentId, int128 value, uint8 decimals, string memory tag1, string memory tag2)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(
            reputation.giveFeedback,
            (agentId, value, decimals, tag1, tag2, "https://agent", "ipfs://file", keccak256("file"))
        );
    }

    function _responding(address client, uint64 index, string memory uri) private view returns (bytes memory) {
        return abi.encodeCall(reputation.appendResponse, (1, client, index, uri, keccak256("re")));
    }

    function _nothingOpen(uint256 agentId, address client) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IReputation.NothingOpen.selector, agentId, client);
    }

    function _noSuch(address client, uint64 index) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IReputation.NoSuchFeedback.selector, 1, client, index);
    }

    function _word(address account) private pure returns (uint256) {
        return uint160(account);
    }

    function _single() private pure returns (uint256[] memory) {
        return _list(7);
    }

    function _one(address a) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = a;
    }

    function _two(address a, address b) private pure returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (a, b);
    }

    function _list(uint256 a) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = a;
    }

    function _list(uint256 a, uint256 b) private pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (a, b);
    }

    function _list(uint256 a, uint256 b, uint256 c) private pure returns (uint256[] memory) {
        return _answers(a, b, c);
    }
}
