/* The order page's "ask again": the server looks the payment up, and the page shows what became of it.
 * Who comes here because the result had not arrived (#checking) need not press: the page asks a few times itself.
 * While a window is open, the page also asks the shop's own tables (payment.js), and goes on by itself. */
(function () {
  "use strict";

  document.getElementById("print")?.addEventListener("click", () => window.print());

  const button = document.getElementById("ask-again");
  const note = document.getElementById("ask-status");
  const page = document.querySelector("[data-payment-status]");
  if (!page || !note) return;
  const shown = page.dataset.paymentStatus;
  if (page.dataset.watch) window.shopPayment.watch(page.dataset.watch, showNews);
  if (!button) return;
  const PAUSES_MS = [1500, 4000, 10000];

  function showNews(state) {
    if (state.order === page.dataset.orderStatus && state.payment === shown) return false;
    if (state.order === "paid") note.textContent = note.dataset.justPaid;
    window.shopPayment.goOn(location.pathname);
    return true;
  }

  async function lookUp() {
    try {
      const answer = await fetch(button.dataset.completeUrl, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ merchant_uid: button.dataset.merchantUid }),
      });
      return await answer.json();
    } catch (error) {
      return { outcome: "unknown" };
    }
  }

  /* PortOne knows no such payment, so nothing was paid: paying again comes first now. */
  function offerToPayAgain() {
    note.textContent = button.dataset.none;
    button.classList.add("quiet");
    document.getElementById("pay-again").classList.remove("quiet");
  }

  /* True: there is news, and the page is being loaded anew to show it. */
  async function ask() {
    button.disabled = true;
    note.textContent = button.dataset.asking;
    const { outcome, status, known } = await lookUp();
    if (outcome === "held" || (status && status !== shown)) {
      history.replaceState(null, "", location.pathname);
      location.reload();
      return true;
    }
    button.disabled = false;
    if (known === false) offerToPayAgain();
    else note.textContent = outcome === "unknown" ? button.dataset.trouble : button.dataset.still;
    return false;
  }

  async function askByItself() {
    for (const pause of PAUSES_MS) {
      await new Promise((resume) => setTimeout(resume, pause));
      if (await ask()) return;
    }
  }

  button.addEventListener("click", ask);
  if (location.hash === "#checking") askByItself();
})();
