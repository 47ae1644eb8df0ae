/* What moves in the cart's form beside the payment: the tick for all agreements, the recipient, the delivery note, and
 * the bar with the price at the foot of a phone's screen. checkout.js pays; cart.js has filled in what was typed. */
(function () {
  "use strict";

  /* --- the agreements: one tick for all lines of a slip --- */

  for (const group of document.querySelectorAll("fieldset.consent")) {
    const all = group.querySelector("[data-all]");
    const lines = [...group.querySelectorAll("[data-line]")];
    group.addEventListener("change", (event) => {
      if (event.target === all) for (const line of lines) line.checked = all.checked;
      all.checked = lines.every((line) => line.checked);
      for (const line of lines) if (line.checked) line.removeAttribute("aria-invalid");
      if (all.checked) document.getElementById(`${all.id}-problem`).hidden = true;
    });
    all.checked = lines.every((line) => line.checked); // as a browser may have restored them
  }

  /* --- where goods go --- */

  const same = document.getElementById("same-recipient");
  const recipientFields = document.getElementById("recipient-fields");

  function showRecipient() {
    recipientFields.hidden = same.checked;
    for (const field of recipientFields.querySelectorAll("input")) field.disabled = same.checked; // not sent then
  }

  const choice = document.getElementById("delivery-note-choice");
  const note = document.getElementById("delivery_note");
  const ownNote = document.getElementById("own-note");

  function chooseNote() {
    ownNote.hidden = choice.value !== "own";
    note.value = ownNote.hidden ? choice.value : "";
    if (!ownNote.hidden) note.focus();
  }

  if (same) {
    if (document.getElementById("recipient").value) same.checked = false; // typed before the page was loaded anew
    same.addEventListener("change", showRecipient);
    showRecipient();
    const offered = [...choice.options].map((option) => option.value);
    choice.value = offered.includes(note.value) ? note.value : "own";
    ownNote.hidden = choice.value !== "own";
    choice.addEventListener("change", chooseNote);
  }

  /* --- the bar: it presses the slip's own button, and leaves while that one is in sight --- */

  const bar = document.querySelector(".pay-bar");
  if (!bar) return;
  const payButtons = [...document.querySelectorAll("button.pay")];
  const inSight = new Set();
  const sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) inSight[isIntersecting ? "add" : "delete"](target);
    bar.classList.toggle("away", inSight.size > 0);
  });
  payButtons.forEach((button) => sight.observe(button));
  const barButton = bar.querySelector("[data-pays]");
  if (!barButton) return;
  const payButton = document.getElementById(barButton.dataset.pays);
  const follow = () => (barButton.disabled = payButton.disabled); // off while a payment is under way
  new MutationObserver(follow).observe(payButton, { attributeFilter: ["disabled"] });
  follow();
  barButton.addEventListener("click", () => payButton.click());
})();
