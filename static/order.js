/* The order page's "ask again": the server looks the payment up, and the page shows what became of it.
 * Who comes here because the result had not arrived (#checking) need not press: the page asks a few times itself. */
(function () {
  "use strict";

  const button = document.getElementById("ask-again");
  if (!button) return;
  const note = document.getElementById("ask-status");
  const shown = document.querySelector("[data-payment-status]").dataset.paymentStatus;
  const PAUSES_MS = [1500, 4000, 10000];

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

  /* True: there is news, and the page is being loaded anew to show it. */
  async function ask() {
    button.disabled = true;
    note.textContent = button.dataset.asking;
    const { outcome, status } = await lookUp();
    if (outcome === "held" || (status && status !== shown)) {
      history.replaceState(null, "", location.pathname);
      location.reload();
      return true;
    }
    note.textContent = outcome === "unknown" ? button.dataset.trouble : button.dataset.still;
    button.disabled = false;
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
