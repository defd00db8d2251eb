// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITaskMarket, State} from "../interfaces/ITaskMarket.sol";
import {Order, vm} from "./Base.t.sol";
import {FeeToken, PlainToken, Wallet1271} from "./Hostile.sol";
import {Scene} from "./Scene.t.sol";

/// @title Rules of the money door.
contract VaultTest is Scene {
    function test_depositCreditsWhatArrives() external {
        market.deposit{value: 5}(judge, address(0), 5);
        assertEq(market.balanceOf(judge, address(0)), 5, "coins");
        FeeToken coin = new FeeToken();
        coin.mint(address(this), 1_000);
        coin.approve(address(market), 1_000);
        market.deposit(judge, address(coin), 1_000);
        assertEq(market.balanceOf(judge, address(coin)), 990, "a fee was lost on the way");
        bytes memory call = abi.encodeCall(market.deposit, (address(0), address(0), 0));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.ZeroAddress.selector));
        call = abi.encodeCall(market.deposit, (judge, address(0), 2));
        bytes memory error_ = abi.encodeWithSelector(ITaskMarket.AmountMismatch.selector, 1, 2);
        _refusedBy(address(market), judge, 1, call, error_);
        call = abi.encodeCall(market.deposit, (judge, address(coin), 1));
        error_ = abi.encodeWithSelector(ITaskMarket.AmountMismatch.selector, 1, 0);
        _refusedBy(address(market), judge, 1, call, error_);
    }

    function test_noAccountHoldsTooMuch() external {
        PlainToken coin = _token(address(this), 1 << 122);
        uint256 max = 1 << 120;
        market.deposit(judge, address(coin), max - 1);
        bytes memory error_ = abi.encodeWithSelector(ITaskMarket.AmountTooLarge.selector, max);
        _refused(address(this), abi.encodeCall(market.deposit, (judge, address(coin), 1)), error_);
        market.fundAgent(1, address(coin), max - 1);
        _refused(address(this), abi.encodeCall(market.fundAgent, (1, address(coin), 1)), error_);
        bytes memory call = abi.encodeCall(market.fundAgent, (99, address(coin), 1));
        _refused(address(this), call, abi.encodeWithSelector(ITaskMarket.UnknownAgent.selector, 99));
    }

    function test_withdrawIsForTheAccountOrItsSignature() external {
        market.deposit{value: 100}(judge, address(0), 100);
        bytes memory call = abi.encodeCall(market.withdraw, (judge, address(0), requester, 1, 0, ""));
        _refused(requester, call, _notAuthorized(requester, judge));
        call = abi.encodeCall(market.withdraw, (judge, address(0), judge, 101, 0, ""));
        bytes memory error_ =
            abi.encodeWithSelector(ITaskMarket.InsufficientBalance.selector, judge, address(0), 100, 101);
        _refused(judge, call, error_);
        call = abi.encodeCall(market.withdraw, (judge, address(0), address(0), 1, 0, ""));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.ZeroAddress.selector));
        uint256 deadline = block.timestamp;
        bytes memory signature = _sign(JUDGE, _withdrawMessage(judge, address(0), judge, 60, deadline));
        call = abi.encodeCall(market.withdraw, (judge, address(0), requester, 60, deadline, signature));
        _refused(requester, call, _badSignature(judge));
        market.withdraw(judge, address(0), judge, 60, deadline, signature);
        assertEq(judge.balance, 60, "sent");
        call = abi.encodeCall(market.withdraw, (judge, address(0), judge, 60, deadline, signature));
        _refused(requester, call, _badSignature(judge)); // its nonce is used
        vm.warp(deadline + 1);
        _refused(requester, call, abi.encodeWithSelector(ITaskMarket.SignatureExpired.selector, deadline));
        vm.prank(judge);
        market.withdraw(judge, address(0), judge, 40, 0, "");
        assertEq(market.balanceOf(judge, address(0)), 0, "balance");
    }

    function test_claimIsForTheOwnerOrByTheWalletToTheOwner() external {
        uint256 operator = 0x0b;
        address owner = _agent(0);
        _setWallet(1, operator);
        market.fundAgent{value: 100}(1, address(0), 100);
        bytes memory call = abi.encodeCall(market.claim, (99, address(0), judge, 0, ""));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.UnknownAgent.selector, 99));
        call = abi.encodeCall(market.claim, (1, address(0), judge, 0, ""));
        _refused(judge, call, _notAuthorized(judge, owner));
        _refused(vm.addr(operator), call, abi.encodeWithSelector(ITaskMarket.WalletMayOnlyPayOwner.selector, 1, owner));
        vm.prank(vm.addr(operator));
        market.claim(1, address(0), owner, 0, "");
        assertEq(owner.balance, 100, "the wallet collected for the owner");
        _refused(owner, call, abi.encodeWithSelector(ITaskMarket.NothingToClaim.selector, 1, address(0)));

        uint256 deadline = block.timestamp;
        market.fundAgent{value: 5}(1, address(0), 5);
        bytes memory signature = _sign(JUDGE, _claimMessage(owner, 1, address(0), owner, deadline));
        call = abi.encodeCall(market.claim, (1, address(0), owner, deadline, signature));
        _refused(judge, call, _badSignature(owner));
        signature = _sign(operator, _claimMessage(vm.addr(operator), 1, address(0), judge, deadline));
        call = abi.encodeCall(market.claim, (1, address(0), judge, deadline, signature));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.WalletMayOnlyPayOwner.selector, 1, owner));
        signature = _sign(operator, _claimMessage(vm.addr(operator), 1, address(0), owner, deadline));
        call = abi.encodeCall(market.claim, (1, address(0), owner, deadline, signature));
        market.claim(1, address(0), owner, deadline, signature);
        market.fundAgent{value: 5}(1, address(0), 5);
        _refused(judge, call, _badSignature(owner)); // the wallet's own nonce is used up
        signature = _sign(AGENT, _claimMessage(owner, 1, address(0), judge, deadline));
        market.claim(1, address(0), judge, deadline, signature);
        assertEq(judge.balance, 5, "the owner sends it where it likes");
        call = abi.encodeCall(market.claim, (1, address(0), judge, deadline, signature));
        vm.warp(deadline + 1);
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.SignatureExpired.selector, deadline));
    }

    function test_tokensLeaveByClaimAndWithdraw() external {
        PlainToken coin = _token(address(this), 30);
        market.deposit(judge, address(coin), 10);
        market.fundAgent(1, address(coin), 20);
        vm.prank(judge);
        market.withdraw(judge, address(coin), judge, 10, 0, "");
        vm.prank(_agent(0));
        market.claim(1, address(coin), judge, 0, "");
        assertEq(coin.balanceOf(judge), 30, "tokens");
    }

    function test_multicallIsAllOrNothingAndSeesNoCoins() external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(market.nonces, (judge));
        calls[1] = abi.encodeCall(market.deposit, (judge, address(0), 5));
        bytes memory call = abi.encodeCall(market.multicall, (calls));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.AmountMismatch.selector, 0, 5));
        _refusedBy(address(market), judge, 5, call, "");
        vm.deal(judge, 6_000);
        vm.prank(judge);
        market.deposit{value: 6_000}(judge, address(0), 6_000);
        Order memory o = _order(judge, 1);
        calls[0] = abi.encodeCall(market.post, (_pack(o), ""));
        o.salt = "another";
        calls[1] = abi.encodeCall(market.post, (_pack(o), ""));
        vm.prank(judge);
        bytes[] memory results = market.multicall(calls);
        _isState(abi.decode(results[0], (bytes32)), State.Open);
        _isState(abi.decode(results[1], (bytes32)), State.Open);
    }

    function test_walletsOfCodeSign() external {
        Wallet1271 wallet = new Wallet1271(judge);
        market.deposit{value: 10}(address(wallet), address(0), 10);
        uint256 deadline = block.timestamp;
        bytes32 message = _withdrawMessage(address(wallet), address(0), judge, 10, deadline);
        bytes memory call = abi.encodeCall(
            market.withdraw, (address(wallet), address(0), judge, 10, deadline, _sign(REQUESTER, message))
        );
        _refused(judge, call, _badSignature(address(wallet)));
        market.withdraw(address(wallet), address(0), judge, 10, deadline, _sign(JUDGE, message));
        assertEq(judge.balance, 10, "sent");
        call = abi.encodeCall(market.withdraw, (judge, address(0), judge, 0, deadline, "short"));
        _refused(judge, call, _badSignature(judge));
        bytes32 typeless = keccak256("anything");
        call = abi.encodeCall(market.withdraw, (address(0), address(0), judge, 0, deadline, _sign(JUDGE, typeless)));
        _refused(judge, call, _badSignature(address(0)));
    }

    /// @dev ERC-2098: s and the parity in one word.
    function test_keysSignIn64BytesToo() external {
        market.deposit{value: 10}(judge, address(0), 10);
        uint256 deadline = block.timestamp;
        (bytes32 r, bytes32 s, uint8 v) =
            _parts(_sign(JUDGE, _withdrawMessage(judge, address(0), judge, 10, deadline)));
        bytes memory compact = abi.encodePacked(r, s | bytes32(uint256(v - 27) << 255));
        market.withdraw(judge, address(0), judge, 10, deadline, compact);
        assertEq(judge.balance, 10, "sent");
    }

    function _parts(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }
}
