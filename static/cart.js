/* A change of quantity is a plain form and loads the page anew; so does the link to a cart that another tab changed, and
 * "back" where the browser kept the page as it was left. What was typed, the place on the page and the focus stay. */
(function () {
  "use strict";

  const KEPT = "cart-kept";
  const form = document.getElementById("buyer");

  function keep(pressed) {
    const typed = form ? Object.fromEntries(new FormData(form)) : {}; // no form where nothing can be paid for
    sessionStorage.setItem(KEPT, JSON.stringify({ typed, pressed, top: window.scrollY }));
  }

  for (const change of document.querySelectorAll("form[data-keep]")) {
    change.addEventListener("submit", (event) => keep(event.submitter ? event.submitter.id : ""));
  }
  document.getElementById("new-cart")?.addEventListener("click", () => keep(""));
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    keep("");
    location.reload();
  });

  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  sessionStorage.removeItem(KEPT);
  if (!kept) return;
  for (const [name, value] of Object.entries(kept.typed)) if (form?.elements[name]) form.elements[name].value = value;
  window.scrollTo({ top: kept.top, behavior: "instant" });
  const pressed = kept.pressed && document.getElementById(kept.pressed);
  if (pressed) (pressed.disabled ? pressed.closest("form").querySelector("button:not(:disabled)") : pressed)?.focus({ preventScroll: true });
})();
