// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "solady/src/utils/EIP712.sol";
import {Multicallable} from "solady/src/utils/Multicallable.sol";
import {ReentrancyGuardTransient} from "solady/src/utils/ReentrancyGuardTransient.sol";
import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";
import {IAgentRegistry} from "./interfaces/IAgentRegistry.sol";
import {ITaskMarket} from "./interfaces/ITaskMarket.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title The money door of the market: what comes in, what is whose, what goes out. Knows no task.
/// @dev Money enters by deposit, fundAgent and posting with value, and leaves by withdraw and claim only. `multicall` refuses
/// a value, so no call in a batch ever sees one: none can be counted twice.
abstract contract Vault is EIP712, Multicallable, ReentrancyGuardTransient, ITaskMarket {
    using SafeTransferLib for address;

    bytes32 internal constant CLAIM_TYPEHASH =
        keccak256("Claim(uint256 agentId,address token,address to,uint256 nonce,uint256 deadline)");
    bytes32 internal constant WITHDRAW_TYPEHASH = keccak256(
        "Withdraw(address account,address token,address to,uint256 amount,uint256 nonce,uint256 deadline)"
    );
    /// Far above any real supply, far below where settlements could overflow an account's word.
    uint256 internal constant MAX_AMOUNT = 1 << 120;

    IAgentRegistry public immutable REGISTRY;

    /// @dev A storage word that can be pointed at: its place is computed once for reading and writing.
    struct Word {
        uint256 value;
    }

    mapping(address account => mapping(address token => uint256)) internal _balance;
    /// accrued (128) | seats (32) | won (32) | noShows (32), from the lowest bit
    mapping(uint256 agentId => mapping(address token => Word)) internal _account;
    mapping(address account => uint256) public nonces;

    constructor(IAgentRegistry registry) {
        REGISTRY = registry;
    }

    /// @inheritdoc ITaskMarket
    function deposit(address account, address token, uint256 amount) external payable nonReentrant {
        if (account == address(0)) revert ZeroAddress();
        amount = _take(token, amount);
        uint256 have = _balance[account][token] + amount;
        if (have >= MAX_AMOUNT) revert AmountTooLarge(have);
        _balance[account][token] = have;
        emit Deposited(account, token, amount, msg.sender);
    }

    /// @inheritdoc ITaskMarket
    function fundAgent(uint256 agentId, address token, uint256 amount) external payable nonReentrant {
        (address owner,) = REGISTRY.ownerAndWallet(agentId);
        if (owner == address(0)) revert UnknownAgent(agentId);
        amount = _take(token, amount);
        Word storage account = _account[agentId][token];
        uint256 accrued = uint128(account.value) + amount;
        if (accrued >= MAX_AMOUNT) revert AmountTooLarge(accrued);
        account.value += amount;
        emit AgentFunded(agentId, token, amount, msg.sender);
    }

    /// @inheritdoc ITaskMarket
    function withdraw(
        address account,
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        if (signature.length == 0) {
            if (msg.sender != account) revert NotAuthorized(msg.sender, account);
        } else {
            if (block.timestamp > deadline) revert SignatureExpired(deadline);
            bytes32 message =
                keccak256(abi.encode(WITHDRAW_TYPEHASH, account, token, to, amount, nonces[account]++, deadline));
            if (!Signatures.isValid(account, _hashTypedData(message), signature)) revert BadSignature(account);
        }
        uint256 have = _balance[account][token];
        if (have < amount) revert InsufficientBalance(account, token, have, amount);
        unchecked {
            _balance[account][token] = have - amount;
        }
        emit Withdrawn(account, token, to, amount);
        _give(token, to, amount);
    }

    /// @inheritdoc ITaskMarket
    function claim(uint256 agentId, address token, address to, uint256 deadline, bytes calldata signature)
        external
        nonReentrant
    {
        (address owner, address wallet) = REGISTRY.ownerAndWallet(agentId);
        if (owner == address(0)) revert UnknownAgent(agentId);
        address by = msg.sender;
        if (signature.length != 0) {
            if (block.timestamp > deadline) revert SignatureExpired(deadline);
            by = owner;
            if (!_claimIsSigned(owner, agentId, token, to, deadline, signature)) {
                if (!_claimIsSigned(wallet, agentId, token, to, deadline, signature)) revert BadSignature(owner);
                by = wallet;
            }
            nonces[by]++;
        }
        if (by != owner) {
            if (by != wallet) revert NotAuthorized(by, owner);
            // The operator key lives on the agent's machine: it may collect for the owner, never for itself.
            if (to != owner) revert WalletMayOnlyPayOwner(agentId, owner);
        }
        Word storage account = _account[agentId][token];
        uint256 amount = uint128(account.value);
        if (amount == 0) revert NothingToClaim(agentId, token);
        account.value -= amount;
        emit PayClaimed(agentId, token, to, amount);
        _give(token, to, amount);
    }

    /// @inheritdoc ITaskMarket
    function balanceOf(address account, address token) external view returns (uint256) {
        return _balance[account][token];
    }

    /// @inheritdoc ITaskMarket
    function accountOf(uint256 agentId, address token) external view returns (uint256, uint256, uint256, uint256) {
        uint256 word = _account[agentId][token].value;
        return (uint128(word), uint32(word >> 128), uint32(word >> 160), uint32(word >> 192));
    }

    /* INSIDE */

    function _lockBond(uint256 agentId, address token, uint256 bond) internal returns (bool) {
        if (bond == 0) return true;
        Word storage account = _account[agentId][token];
        if (uint128(account.value) < bond) return false;
        account.value -= bond;
        return true;
    }

    /// @dev Money of a closed seat, and its counters.
    function _credit(uint256 agentId, address token, uint256 amount, bool revealed, bool won) internal {
        Word storage account = _account[agentId][token];
        unchecked {
            // Deposits end far below 2¹²⁸, and so do all settlements that could ever be paid for.
            uint256 word = account.value + amount + (1 << 128);
            if (won) word += 1 << 160;
            if (!revealed) word += 1 << 192;
            account.value = word;
        }
    }

    /// @dev Takes money from the caller; returns what really came (fee-on-transfer tokens deliver less than they are asked for).
    function _take(address token, uint256 amount) private returns (uint256) {
        if (token == address(0)) {
            if (msg.value != amount) revert AmountMismatch(msg.value, amount);
            return amount;
        }
        if (msg.value != 0) revert AmountMismatch(msg.value, 0);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        return token.balanceOf(address(this)) - before;
    }

    /// @dev Copies no return data, however long it is.
    function _give(address token, address to, uint256 amount) private {
        if (to == address(0)) revert ZeroAddress();
        if (token == address(0)) to.safeTransferETH(amount);
        else token.safeTransfer(to, amount);
    }

    function _claimIsSigned(
        address by,
        uint256 agentId,
        address token,
        address to,
        uint256 deadline,
        bytes calldata signature
    ) private view returns (bool) {
        bytes32 message = keccak256(abi.encode(CLAIM_TYPEHASH, agentId, token, to, nonces[by], deadline));
        return Signatures.isValid(by, _hashTypedData(message), signature);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Symphony TaskMarket", "1");
    }

    /// @dev Transient storage on every chain, chain 1 included: prague has it everywhere.
    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
