// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Multicallable} from "solady/src/utils/Multicallable.sol";
import {IAgentRegistry} from "./interfaces/IAgentRegistry.sol";
import {IERC8004Reputation, IReputation} from "./interfaces/IReputation.sol";
import {ITaskMarket} from "./interfaces/ITaskMarket.sol";
import {Receipt, ReceiptLib} from "./libraries/Receipts.sol";

/// @dev The one constant of the market's deployment that matters here.
interface IScored {
    function SCORE_TOKEN() external view returns (address);
}

/// @title Feedback and anchors; its interface carries the documentation.
contract Reputation is Multicallable, IReputation {
    int128 private constant MAX_VALUE = 1e38;
    uint256 private constant MAX_DECIMALS = 18;
    uint256 private constant MAX_TAG = 64;
    bytes32 private constant EMPTY = keccak256("");
    /// What the market rates, in ERC-8004's own word, and with how many decimals.
    bytes32 private constant SUCCESS_RATE = keccak256("successRate");
    uint256 private constant SUCCESS_DECIMALS = 2;

    IAgentRegistry public immutable REGISTRY;
    ITaskMarket public immutable MARKET;
    address private immutable SCORE_TOKEN;

    /* STORAGE */

    struct Client {
        uint64 lastIndex;
        uint64 credits;
    }

    struct Feedback {
        int128 value;
        uint8 valueDecimals;
        bool isRevoked;
        uint64 responses;
        string tag1;
        string tag2;
    }

    mapping(bytes32 taskId => uint256) private _opened;
    mapping(uint256 agentId => address[]) private _clients;
    mapping(uint256 agentId => mapping(address client => Client)) private _client;
    mapping(uint256 agentId => mapping(address client => mapping(uint64 index => Feedback))) private _feedback;
    mapping(
        uint256 agentId => mapping(address client => mapping(uint64 index => mapping(address responder => uint64)))
    ) private _responses;

    constructor(IAgentRegistry registry, ITaskMarket market) {
        REGISTRY = registry;
        MARKET = market;
        SCORE_TOKEN = IScored(address(market)).SCORE_TOKEN();
    }

    /* STEPS */

    /// @inheritdoc IReputation
    function open(Receipt calldata r, uint256 seat) external {
        (bytes32 taskId,,) = r.check(MARKET);
        if (seat >= r.results.length / 2) revert NotRevealed(taskId, seat);
        uint256 result = r.results[2 * seat];
        if (result & ReceiptLib.REVEALED == 0) revert NotRevealed(taskId, seat);
        uint256 opened = _opened[taskId];
        if ((opened >> seat) & 1 != 0) revert AlreadyOpened(taskId, seat);
        _opened[taskId] = opened | (1 << seat);
        uint256 agentId = ReceiptLib.agentId(result);
        address client = r.task.requester();
        ++_client[agentId][client].credits;
        emit FeedbackOpened(taskId, agentId, client, seat);
    }

    /// @inheritdoc IERC8004Reputation
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string memory tag1,
        string memory tag2,
        string memory endpoint,
        string memory feedbackURI,
        bytes32 feedbackHash
    ) external {
        _checkFeedback(value, valueDecimals, tag1, tag2);
        uint64 index = _spend(agentId);
        _feedback[agentId][msg.sender][index] = Feedback(value, valueDecimals, false, 0, tag1, tag2);
        emit NewFeedback(
            agentId, msg.sender, index, value, valueDecimals, tag1, tag1, tag2, endpoint, feedbackURI, feedbackHash
        );
    }

    /// @inheritdoc IERC8004Reputation
    function revokeFeedback(uint256 agentId, uint64 feedbackIndex) external {
        Feedback storage f = _existing(agentId, msg.sender, feedbackIndex);
        if (f.isRevoked) revert AlreadyRevoked(agentId, feedbackIndex);
        f.isRevoked = true;
        emit FeedbackRevoked(agentId, msg.sender, feedbackIndex);
    }

    /// @inheritdoc IERC8004Reputation
    function appendResponse(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        string calldata responseURI,
        bytes32 responseHash
    ) external {
        Feedback storage f = _existing(agentId, clientAddress, feedbackIndex);
        if (bytes(responseURI).length == 0) revert EmptyResponse();
        ++f.responses;
        ++_responses[agentId][clientAddress][feedbackIndex][msg.sender];
        emit ResponseAppended(agentId, clientAddress, feedbackIndex, msg.sender, responseURI, responseHash);
    }

    /// @inheritdoc IReputation
    function anchor(Receipt calldata r, bytes32 kind, bytes32 digest) external {
        (bytes32 taskId,,) = r.check(MARKET);
        if (msg.sender != r.task.requester() && msg.sender != r.task.evaluator()) {
            revert NotOfTask(taskId, msg.sender);
        }
        emit Anchored(taskId, msg.sender, kind, digest);
    }

    /* VIEWS */

    /// @inheritdoc IERC8004Reputation
    function getSummary(uint256 agentId, address[] calldata clientAddresses, string calldata tag1, string calldata tag2)
        external
        view
        returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals)
    {
        if (clientAddresses.length == 0) revert NoClients();
        Filter memory filter = _filter(tag1, tag2, false);
        Sum memory s;
        for (uint256 i; i < clientAddresses.length; ++i) {
            if (clientAddresses[i] == address(MARKET)) _addSettlements(s, agentId, filter);
            else _addFeedback(s, agentId, clientAddresses[i], filter);
        }
        (summaryValue, summaryValueDecimals) = _mean(s);
        count = uint64(s.count);
    }

    /// @inheritdoc IERC8004Reputation
    function readFeedback(uint256 agentId, address clientAddress, uint64 feedbackIndex)
        external
        view
        returns (int128 value, uint8 valueDecimals, string memory tag1, string memory tag2, bool isRevoked)
    {
        Feedback storage f = _existing(agentId, clientAddress, feedbackIndex);
        return (f.value, f.valueDecimals, f.tag1, f.tag2, f.isRevoked);
    }

    /// @inheritdoc IERC8004Reputation
    function readAllFeedback(
        uint256 agentId,
        address[] memory clientAddresses,
        string memory tag1,
        string memory tag2,
        bool includeRevoked
    )
        external
        view
        returns (
            address[] memory clients,
            uint64[] memory feedbackIndexes,
            int128[] memory values,
            uint8[] memory valueDecimals,
            string[] memory tag1s,
            string[] memory tag2s,
            bool[] memory revokedStatuses
        )
    {
        if (clientAddresses.length == 0) clientAddresses = _clients[agentId];
        Page memory p = _read(agentId, clientAddresses, _filter(tag1, tag2, includeRevoked));
        return (p.clients, p.indexes, p.values, p.valueDecimals, p.tag1s, p.tag2s, p.revoked);
    }

    /// @inheritdoc IERC8004Reputation
    function getResponseCount(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        address[] calldata responders
    ) external view returns (uint64 count) {
        if (clientAddress != address(0)) {
            return _countOf(agentId, clientAddress, feedbackIndex, responders);
        }
        address[] storage clients = _clients[agentId];
        for (uint256 i; i < clients.length; ++i) {
            count += _countOf(agentId, clients[i], 0, responders);
        }
    }

    /// @inheritdoc IERC8004Reputation
    function getClients(uint256 agentId) external view returns (address[] memory clients) {
        clients = _clients[agentId];
        (uint256 seats,) = _settlements(agentId);
        if (seats == 0) return clients;
        address[] memory others = clients;
        clients = new address[](others.length + 1);
        clients[0] = address(MARKET);
        for (uint256 i; i < others.length; ++i) {
            clients[i + 1] = others[i];
        }
    }

    /// @inheritdoc IERC8004Reputation
    function getLastIndex(uint256 agentId, address clientAddress) external view returns (uint64) {
        return _client[agentId][clientAddress].lastIndex;
    }

    /// @inheritdoc IERC8004Reputation
    function getIdentityRegistry() external view returns (address) {
        return address(REGISTRY);
    }

    /// @inheritdoc IReputation
    function creditsOf(uint256 agentId, address client) external view returns (uint64) {
        return _client[agentId][client].credits;
    }

    /// @inheritdoc IReputation
    function openedOf(bytes32 taskId) external view returns (uint256) {
        return _opened[taskId];
    }

    /* INSIDE: STEPS */

    function _checkFeedback(int128 value, uint8 valueDecimals, string memory tag1, string memory tag2) private pure {
        if (valueDecimals > MAX_DECIMALS || value > MAX_VALUE || value < -MAX_VALUE) {
            revert ValueOutOfRange(value, valueDecimals);
        }
        if (bytes(tag1).length > MAX_TAG) revert TagTooLong(bytes(tag1).length, MAX_TAG);
        if (bytes(tag2).length > MAX_TAG) revert TagTooLong(bytes(tag2).length, MAX_TAG);
    }

    /// @dev Turns a credit of the caller into an index. Only agents that exist were ever seated, so the registry knows this one.
    function _spend(uint256 agentId) private returns (uint64 index) {
        Client storage client = _client[agentId][msg.sender];
        if (client.credits == 0) revert NothingOpen(agentId, msg.sender);
        if (REGISTRY.isAuthorizedOrOwner(msg.sender, agentId) || REGISTRY.getAgentWallet(agentId) == msg.sender) {
            revert SelfFeedback(agentId, msg.sender);
        }
        --client.credits;
        index = ++client.lastIndex;
        if (index == 1) _clients[agentId].push(msg.sender);
    }

    function _existing(uint256 agentId, address client, uint64 index) private view returns (Feedback storage) {
        if (index == 0 || index > _client[agentId][client].lastIndex) revert NoSuchFeedback(agentId, client, index);
        return _feedback[agentId][client][index];
    }

    /* INSIDE: VIEWS */

    struct Filter {
        bytes32 tag1;
        bytes32 tag2;
        bool includeRevoked;
    }

    struct Page {
        address[] clients;
        uint64[] indexes;
        int128[] values;
        uint8[] valueDecimals;
        string[] tag1s;
        string[] tag2s;
        bool[] revoked;
    }

    struct Sum {
        int256 wad;
        uint256 count;
        uint256[19] byDecimals;
    }

    function _filter(string memory tag1, string memory tag2, bool includeRevoked) private pure returns (Filter memory) {
        return Filter(keccak256(bytes(tag1)), keccak256(bytes(tag2)), includeRevoked);
    }

    function _passes(Feedback storage f, Filter memory filter) private view returns (bool) {
        return (filter.includeRevoked || !f.isRevoked)
            && (filter.tag1 == EMPTY || filter.tag1 == keccak256(bytes(f.tag1)))
            && (filter.tag2 == EMPTY || filter.tag2 == keccak256(bytes(f.tag2)));
    }

    function _settlements(uint256 agentId) private view returns (uint256 seats, uint256 won) {
        (, seats, won,) = MARKET.accountOf(agentId, SCORE_TOKEN);
    }

    function _addFeedback(Sum memory s, uint256 agentId, address client, Filter memory filter) private view {
        uint64 last = _client[agentId][client].lastIndex;
        for (uint64 index = 1; index <= last; ++index) {
            Feedback storage f = _feedback[agentId][client][index];
            if (!_passes(f, filter)) continue;
            s.wad += f.value * int256(10 ** (MAX_DECIMALS - f.valueDecimals));
            ++s.byDecimals[f.valueDecimals];
            ++s.count;
        }
    }

    /// @dev The market as a client.
    function _addSettlements(Sum memory s, uint256 agentId, Filter memory filter) private view {
        if (filter.tag2 != EMPTY || (filter.tag1 != EMPTY && filter.tag1 != SUCCESS_RATE)) return;
        (uint256 seats, uint256 won) = _settlements(agentId);
        s.wad += int256(won * 100e18);
        s.count += seats;
        s.byDecimals[SUCCESS_DECIMALS] += seats;
    }

    /// @dev Rounded toward zero, to the commonest number of decimals (the lowest of those); to fewer where the mean would not fit.
    function _mean(Sum memory s) private pure returns (int128, uint8) {
        if (s.count == 0) return (0, 0);
        uint256 decimals;
        for (uint256 d = 1; d <= MAX_DECIMALS; ++d) {
            if (s.byDecimals[d] > s.byDecimals[decimals]) decimals = d;
        }
        int256 mean = s.wad / int256(s.count) / int256(10 ** (MAX_DECIMALS - decimals));
        while (mean > type(int128).max || mean < type(int128).min) {
            mean /= 10;
            --decimals;
        }
        return (int128(mean), uint8(decimals));
    }

    /// @dev The feedback that passes. Walked twice: to count, and to fill.
    function _read(uint256 agentId, address[] memory named, Filter memory filter) private view returns (Page memory p) {
        uint256 n = _walk(agentId, named, filter, p);
        p.clients = new address[](n);
        p.indexes = new uint64[](n);
        p.values = new int128[](n);
        p.valueDecimals = new uint8[](n);
        p.tag1s = new string[](n);
        p.tag2s = new string[](n);
        p.revoked = new bool[](n);
        _walk(agentId, named, filter, p);
    }

    /// @dev Counts what passes; fills a page that has room.
    function _walk(uint256 agentId, address[] memory named, Filter memory filter, Page memory p)
        private
        view
        returns (uint256 n)
    {
        for (uint256 i; i < named.length; ++i) {
            uint64 last = _client[agentId][named[i]].lastIndex;
            for (uint64 index = 1; index <= last; ++index) {
                Feedback storage f = _feedback[agentId][named[i]][index];
                if (!_passes(f, filter)) continue;
                if (p.clients.length != 0) {
                    (p.clients[n], p.indexes[n]) = (named[i], index);
                    (p.values[n], p.valueDecimals[n], p.revoked[n]) = (f.value, f.valueDecimals, f.isRevoked);
                    (p.tag1s[n], p.tag2s[n]) = (f.tag1, f.tag2);
                }
                ++n;
            }
        }
    }

    /// @param index Zero: all of the client.
    function _countOf(uint256 agentId, address client, uint64 index, address[] calldata responders)
        private
        view
        returns (uint64 count)
    {
        uint64 last = index;
        if (index == 0) (index, last) = (1, _client[agentId][client].lastIndex);
        for (; index <= last; ++index) {
            if (responders.length == 0) count += _feedback[agentId][client][index].responses;
            for (uint256 i; i < responders.length; ++i) {
                count += _responses[agentId][client][index][responders[i]];
            }
        }
    }
}
