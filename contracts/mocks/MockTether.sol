// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A settlement token whose transfers return nothing, like USDT on Ethereum.
contract MockTether {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function decimals() external pure returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 assets) external {
        balanceOf[to] += assets;
    }

    function approve(address spender, uint256 assets) external {
        allowance[msg.sender][spender] = assets;
    }

    function transfer(address to, uint256 assets) external {
        balanceOf[msg.sender] -= assets;
        balanceOf[to] += assets;
    }

    function transferFrom(address from, address to, uint256 assets) external {
        allowance[from][msg.sender] -= assets;
        balanceOf[from] -= assets;
        balanceOf[to] += assets;
    }
}
