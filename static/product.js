/* The product page: buttons beside the quantity, and the sum that follows it. Without this script both stay as they are. */
(function () {
  "use strict";

  const quantity = document.getElementById("quantity");
  const sum = document.getElementById("sum");
  if (!quantity || !sum) return;
  const fewer = document.getElementById("fewer");
  const more = document.getElementById("more");
  const price = Number(sum.dataset.price);

  function show() {
    const count = Number(quantity.value);
    fewer.disabled = count <= Number(quantity.min);
    more.disabled = count >= Number(quantity.max);
    // The amount as the page writes it, 0원 or ₩0, with another number in it.
    if (count >= 1) sum.textContent = sum.dataset.written.replace("0", (price * count).toLocaleString("en"));
  }

  function step(by) {
    quantity.value = Math.min(Math.max(Number(quantity.value) + by, Number(quantity.min)), Number(quantity.max));
    show();
  }

  fewer.addEventListener("click", () => step(-1));
  more.addEventListener("click", () => step(1));
  quantity.addEventListener("input", show);
  window.addEventListener("pageshow", show); // "back" restores what was typed
  fewer.hidden = more.hidden = false;
  show();
})();
