/* How the payment of an order stands, by the shop's own tables: asked while a payment window may be open, and never
 * after that. PortOne is not asked. For the cart (checkout.js) and for the page of an order (order.js). */
window.shopPayment = (function () {
  "use strict";

  const LIFE_MS = 30 * 60 * 1000; // no order waits longer; the server says how long this one does
  const SOON_MS = 3000; // between two questions, while the buyer is most likely busy in the window
  const SOON_FOR_MS = 3 * 60 * 1000;
  const LATER_MS = 10000;
  const HIDDEN_MS = 60000; // the tab is not seen; it asks at once when it is seen again
  const READ_MS = 1200; // before the page goes on by itself

  /* Ask `url` until `changed(state)` returns true, or no window is open, or its life is over. Returns how to stop. */
  function watch(url, changed) {
    const begun = Date.now();
    let until = begun + LIFE_MS;
    let timer = 0;
    let asking = false;
    let stopped = false;

    function stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onSight);
      window.removeEventListener("focus", onSight);
    }

    async function ask() {
      clearTimeout(timer);
      if (asking || stopped) return;
      asking = true;
      const state = await stateAt(url);
      asking = false;
      if (stopped) return;
      if (state === "refused") return stop(); // signed out meanwhile
      if (state) {
        until = Math.min(until, Date.now() + state.seconds * 1000);
        if (changed(state) || !state.open) return stop();
      }
      plan();
    }

    function plan() {
      const often = Date.now() - begun < SOON_FOR_MS ? SOON_MS : LATER_MS;
      const pause = document.hidden ? HIDDEN_MS : often;
      if (Date.now() + pause > until) return stop();
      timer = setTimeout(ask, pause);
    }

    function onSight() {
      if (!document.hidden) ask();
    }

    document.addEventListener("visibilitychange", onSight);
    window.addEventListener("focus", onSight); // the payment window was closed, or the buyer came back from it
    plan();
    return stop;
  }

  async function stateAt(url) {
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.status === 401 || answer.status === 404) return "refused";
      return answer.ok ? await answer.json() : null;
    } catch (error) {
      return null; // no network: asked again
    }
  }

  /* Money has come in: the order's page says what becomes of it. */
  function hasMoney(state) {
    return state.order === "paid" || ["paid", "held", "cancelled"].includes(state.payment);
  }

  function goOn(url) {
    setTimeout(() => location.assign(url), READ_MS);
  }

  /* A refusal: what it means, what to do, and the words of KG or PortOne, small. */
  function explain(box, { meaning, advice, words }) {
    const parts = [["b", meaning], ["span", advice], ["small", words]].filter(([, text]) => text);
    box.replaceChildren(
      ...parts.map(([name, text]) => {
        const part = document.createElement(name);
        part.textContent = text;
        if (name === "small") part.lang = "ko";
        return part;
      })
    );
  }

  /* A cart that was loaded while a window of an earlier page, or of another tab, is open. */
  const box = document.getElementById("checkout-status");
  for (const url of box?.dataset.watch?.split(" ") ?? []) {
    watch(url, (state) => {
      if (!hasMoney(state)) return false;
      box.textContent = box.dataset.justPaid;
      goOn(state.redirect);
      return true;
    });
  }

  return { watch, hasMoney, goOn, explain };
})();
