// A node to ask: through the wallet that the page found, or at a URL. Knows nothing of Symphony.

/** Asks with `send(method, params)`; numbers go out and come back as hex. */
export class Node {
  constructor(send, name) {
    this.send = send;
    this.name = name;
  }

  static ofWallet({ info, provider }) {
    return new Node((method, params) => provider.request({ method, params }), info.name);
  }

  static ofUrl(url) {
    let id = 0;
    const send = async (method, params) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params });
      const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body, credentials: "omit" });
      const { result, error } = await answer.json();
      if (error) throw new Error(error.message);
      return result;
    };
    return new Node(send, new URL(url).host);
  }

  chainId = async () => Number(await this.send("eth_chainId", []));
  block = (number) => this.send("eth_getBlockByNumber", [hex(number), false]);
  call = (to, data, number) => this.send("eth_call", [{ to, data }, hex(number)]);

  /** Logs in chain order; a range that the node finds too large is asked in halves. */
  async logs(address, topics, from, to) {
    let found;
    try {
      found = await this.send("eth_getLogs", [{ address, topics, fromBlock: hex(from), toBlock: hex(to) }]);
    } catch (error) {
      if (from >= to) throw error;
      const middle = Math.floor((from + to) / 2);
      return [...(await this.logs(address, topics, from, middle)), ...(await this.logs(address, topics, middle + 1, to))];
    }
    return found.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  }
}

const hex = (number) => "0x" + number.toString(16);
