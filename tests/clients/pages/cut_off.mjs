/** A client that is cut off again and again while it listens, asks and streams; in the end it says what it saw. */

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Begin. `stop({topic: n})` ends it when the last messages are there, and resolves to the report. */
export function begin({ connect, Lost, Refused }, url, options) {
  const seen = { opens: 0, gaps: 0, unsaid: 0, twice: 0, messages: {}, last: {}, once: 0, failed: [] };
  Object.assign(seen, { streams: 0, cutStreams: 0, badStreams: 0, ends: {}, errors: [], waits: [] });
  const client = connect(url, options);
  const topics = {};
  let isStopped = false;
  client.on("error", (error) => seen.errors.push(String(error)));
  client.on("state", ({ state, wait }) => {
    if (state === "open") seen.opens++;
    if (state !== "waiting") return;
    seen.waits.push(wait);
    setTimeout(() => client.connect(), Math.random() * 80); // the test has no time for longer ones
  });

  const joined = ["room:a", "room:b", "short:a"].map((name) => {
    let mayMiss = true; // before the first message, and after a gap that was said
    seen.messages[name] = seen.last[name] = 0;
    const topic = client.topic(name);
    topic.on("gap", () => {
      seen.gaps++;
      mayMiss = true;
    });
    topic.on("said", ({ n }) => {
      if (n <= seen.last[name]) seen.twice++;
      else if (n !== seen.last[name] + 1 && !mayMiss) seen.unsaid++;
      mayMiss = false;
      seen.last[name] = n;
      seen.messages[name]++;
    });
    topics[name] = topic;
    return topic.ready;
  });

  async function ask() {
    while (!isStopped) {
      const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
      seen.once++;
      try {
        const { result } = await client.ask("add", { id }, { once: true });
        if (result !== 1) seen.failed.push(`handled ${result} times`);
      } catch (error) {
        seen.failed.push(String(error));
      }
    }
  }

  async function stream() {
    while (!isStopped) {
      try {
        let next = 0;
        for await (const { result } of client.stream("count", { to: 20 })) if (result !== next++) seen.badStreams++;
        if (next !== 20) seen.badStreams++;
        seen.streams++;
      } catch (error) {
        if (error instanceof Lost) seen.cutStreams++;
        else seen.errors.push(String(error));
        await pause(5);
      }
    }
  }

  const work = [ask(), stream()];
  return {
    joined: Promise.all(joined),
    async stop(expected) {
      isStopped = true;
      await Promise.all(work);
      const isBehind = () => Object.entries(expected).some(([name, n]) => topics[name].position[1] !== n);
      for (let left = 1000; left && isBehind(); left--) await pause(20);
      for (const name in topics) seen.ends[name] = topics[name].position[1];
      return seen;
    },
  };
}

// In a browser it begins by itself: with the served module, under a policy that allows nothing else.
if (globalThis.document) {
  const module = await import("/aiows.js");
  const running = begin(module, "/ws");
  await running.joined;
  globalThis.running = running;
}
