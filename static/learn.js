/* The learn panel remembers whether it is open, each page for itself, and on the cart's page shows what the checkout answered and what the
 * callback brought. It listens; nothing of the purchase depends on it. */
(function () {
  "use strict";

  const drawer = document.getElementById("learn");
  const YEAR_S = 365 * 24 * 3600;
  drawer.addEventListener("toggle", () => {
    document.cookie = `learn=${drawer.open ? "open" : "closed"}; path=${location.pathname}; max-age=${YEAR_S}; samesite=lax`;
  });

  // Opened, it leaves the foot of the window for its place on the page: the reader goes along.
  drawer.querySelector("summary").addEventListener("click", () => {
    if (!drawer.open) requestAnimationFrame(() => drawer.scrollIntoView({ block: "start" }));
  });

  function masked(facts) {
    const text = JSON.stringify(facts, null, 2);
    return text.replace(/(01[016789])-?\d{3,4}-?(\d{4})(?!\d)/g, "$1-****-$2");
  }

  document.addEventListener("shop:checkout", (event) => {
    document.getElementById("learn-request").textContent = masked(event.detail.request_pay);
  });
  document.addEventListener("shop:callback", (event) => {
    const shown = document.getElementById("learn-callback");
    document.getElementById("learn-callback-title").hidden = shown.hidden = false;
    shown.textContent = masked(event.detail);
  });
})();
