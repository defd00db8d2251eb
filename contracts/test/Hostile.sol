// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Counterparties for tests: tokens, receivers and signers that behave as real ones have. All money is free.
abstract contract Ledger {
    mapping(address account => uint256) internal _balance;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function balanceOf(address account) public view virtual returns (uint256) {
        return _balance[account];
    }

    function mint(address to, uint256 amount) external {
        _balance[to] += amount;
    }

    function _spend(address from, uint256 amount) internal {
        allowance[from][msg.sender] -= amount;
    }

    function _move(address from, address to, uint256 amount) internal virtual {
        _balance[from] -= amount;
        _balance[to] += amount;
    }
}

/// @notice As the standard wants it.
contract PlainToken is Ledger {
    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        _spend(from, amount);
        _move(from, to, amount);
        return true;
    }
}

/// @notice Says nothing where the standard says true.
contract NoReturnToken is Ledger {
    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _spend(from, amount);
        _move(from, to, amount);
    }
}

/// @notice Moves nothing, says false and does not revert.
contract FalseReturnToken is Ledger {
    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}

/// @notice Burns one percent of what it moves.
contract FeeToken is PlainToken {
    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount);
        _balance[to] -= amount / 100;
    }
}

/// @notice Every balance shrinks at a word.
contract RebasingToken is PlainToken {
    uint256 public scaleBps = 10_000;

    function rebase(uint256 scaleBps_) external {
        scaleBps = scaleBps_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return _balance[account] * scaleBps / 10_000;
    }

    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, (amount * 10_000 + scaleBps - 1) / scaleBps);
    }
}

contract PausingToken is PlainToken {
    bool public paused;

    error Paused();

    function pause(bool paused_) external {
        paused = paused_;
    }

    function _move(address from, address to, uint256 amount) internal override {
        if (paused) revert Paused();
        super._move(from, to, amount);
    }
}

contract BlacklistToken is PlainToken {
    mapping(address account => bool) public blocked;

    error Blocked();

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function _move(address from, address to, uint256 amount) internal override {
        if (blocked[from] || blocked[to]) revert Blocked();
        super._move(from, to, amount);
    }
}

/// @dev Makes one call that a test has armed it with, and notes how that went.
abstract contract Caller {
    address public target;
    bytes public data;
    bool public called;
    bool public succeeded;
    bytes public result;

    function arm(address target_, bytes calldata data_) external {
        (target, data, called) = (target_, data_, false);
    }

    function _callBack() internal {
        if (target == address(0) || called) return;
        called = true;
        (succeeded, result) = target.call(data);
    }
}

/// @notice Calls back before it moves.
contract ReenteringToken is PlainToken, Caller {
    function _move(address from, address to, uint256 amount) internal override {
        _callBack();
        super._move(from, to, amount);
    }
}

/// @notice Calls back when coins arrive.
contract ReenteringReceiver is Caller {
    receive() external payable {
        _callBack();
    }
}

/// @notice Answers everything, coins and ERC-1271 questions included, with `size` zero bytes.
contract ReturnBomb {
    uint256 public immutable SIZE;

    constructor(uint256 size) {
        SIZE = size;
    }

    receive() external payable {
        _burst();
    }

    fallback() external payable {
        _burst();
    }

    function _burst() private view {
        uint256 size = SIZE;
        assembly {
            return(0x80, size)
        }
    }
}

/// @notice A signer that eats all the gas it is given.
contract GasHog1271 {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        assembly {
            invalid()
        }
    }
}

/// @notice A wallet contract with one key: what the key signed (65 bytes), the wallet signed.
contract Wallet1271 {
    address public immutable KEY;

    constructor(address key) {
        KEY = key;
    }

    receive() external payable {}

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address by = ecrecover(
            digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64])
        );
        return by != address(0) && by == KEY ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}
