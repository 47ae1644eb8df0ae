/* The order page's "ask again": the server looks the payment up, and the page shows what became of it. */
(function () {
  "use strict";

  const button = document.getElementById("ask-again");
  if (!button) return;
  const status = document.getElementById("ask-status");

  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = button.dataset.asking;
    try {
      const answer = await fetch(button.dataset.completeUrl, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ merchant_uid: button.dataset.merchantUid }),
      });
      const { outcome } = await answer.json();
      if (["paid", "held", "cancelled", "failed"].includes(outcome)) return location.reload();
      status.textContent = outcome === "unknown" ? button.dataset.trouble : button.dataset.still;
    } catch (error) {
      status.textContent = button.dataset.trouble;
    }
    button.disabled = false;
  });
})();
