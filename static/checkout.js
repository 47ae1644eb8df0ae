/* The cart's pay buttons. Three rules:
 * the server makes the order and says what to ask PortOne for; the callback proves nothing, so its ids go to the
 * server, which looks the payment up; and whatever fails, the button works again and the page says what to do. */
(function () {
  "use strict";

  const form = document.getElementById("buyer");
  const status = document.getElementById("checkout-status");
  const openButton = document.getElementById("open-window");
  const buttons = [...document.querySelectorAll(".pay")];
  const texts = JSON.parse(document.getElementById("checkout-texts").textContent);
  const csrfToken = document.querySelector('meta[name="csrf-token"]').content;
  const PAUSES_MS = [500, 1500, 3000]; // between the tries to report a result
  let busy = false; // a second click, or a second button, must not start a second payment
  let initialised = false; // IMP.init must not run twice

  function say(text, bad) {
    status.textContent = text;
    status.classList.toggle("bad", Boolean(bad));
    if (bad) status.scrollIntoView({ block: "nearest" });
  }

  function lock(locked) {
    busy = locked;
    buttons.forEach((button) => (button.disabled = locked));
    form.setAttribute("aria-busy", String(locked));
    if (!locked) openButton.hidden = true;
  }

  function giveUp(text) {
    lock(false);
    say(text, true);
  }

  /* --- the form --- */

  function showProblem(name, text) {
    const field = form.elements[name];
    if (!field) return;
    const note = document.getElementById(`${name}-problem`);
    field.setAttribute("aria-invalid", String(Boolean(text)));
    note.textContent = text || "";
    note.hidden = !text;
  }

  function showProblems(problems) {
    for (const field of form.querySelectorAll("input")) showProblem(field.name, problems[field.name]);
    const first = form.querySelector('[aria-invalid="true"]');
    if (first) first.focus();
  }

  function missingFields(kind) {
    const missing = {};
    for (const field of form.querySelectorAll("input")) {
      const needed = field.required || (kind === "once" && "goodsOnly" in field.dataset);
      if (needed && !field.value.trim()) missing[field.name] = texts.required;
    }
    return missing;
  }

  /* --- the server --- */

  async function post(url, body) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  }

  async function pay(button) {
    if (busy) return;
    if (!window.IMP) return say(texts.no_sdk, true);
    const missing = missingFields(button.dataset.kind);
    showProblems(missing);
    if (Object.keys(missing).length) return say(texts.check_fields, true);

    lock(true);
    say(texts.preparing);
    const order = Object.fromEntries(new FormData(form));
    order.kind = button.dataset.kind;
    if (order.kind === "monthly") order.product_id = Number(button.dataset.productId);
    let answer;
    try {
      answer = await post(form.dataset.checkoutUrl, order);
    } catch (error) {
      return giveUp(texts.network);
    }
    if (answer.status === 401) return location.assign(form.dataset.loginUrl);
    if (!answer.ok) {
      showProblems(answer.body.fields || {});
      return giveUp(answer.body.message);
    }
    openWindow(answer.body);
  }

  /* A browser lets a page open a window only shortly after a click. If the server took longer, ask for another. */
  function openWindow(checkout) {
    const clickStillCounts = !navigator.userActivation || navigator.userActivation.isActive;
    if (clickStillCounts) return requestPay(checkout);
    say(texts.ready);
    openButton.hidden = false;
    openButton.onclick = () => {
      openButton.hidden = true;
      requestPay(checkout);
    };
    openButton.focus();
  }

  function requestPay(checkout) {
    say(texts.window);
    if (!initialised) window.IMP.init(checkout.imp_code);
    initialised = true;
    window.IMP.request_pay(checkout.request_pay, (result) => report(checkout.merchant_uid, result || {}));
  }

  /* The callback ran. Old SDKs send `success`, new ones only error fields; neither is looked at: the server decides. */
  async function report(merchantUid, result) {
    say(texts.checking);
    const told = { merchant_uid: merchantUid };
    if (result.imp_uid) told.imp_uid = result.imp_uid;
    const answer = await reportUntilHeard(told);
    if (!answer || answer.body.outcome === "unknown") {
      location.assign((answer && answer.body.redirect) || form.dataset.ordersUrl); // that page goes on asking
      return;
    }
    const { outcome, status: paymentStatus, redirect, message } = answer.body;
    const arrived = outcome === "held" || ["paid", "cancelled"].includes(paymentStatus); // perhaps by another door
    if (redirect && arrived) {
      say(texts.done);
      location.assign(redirect);
      return;
    }
    giveUp(result.error_msg || message || texts.not_paid); // the PG's own words, where there are any
  }

  async function reportUntilHeard(told) {
    for (const pause of [...PAUSES_MS, 0]) {
      try {
        return await post(form.dataset.completeUrl, told);
      } catch (error) {
        await new Promise((resume) => setTimeout(resume, pause));
      }
    }
    return null;
  }

  for (const button of buttons) button.addEventListener("click", () => pay(button));
  form.addEventListener("submit", (event) => {
    event.preventDefault(); // Enter in a field pays only when there is one thing to pay
    if (buttons.length === 1) pay(buttons[0]);
  });
  window.addEventListener("pageshow", (event) => event.persisted && lock(false)); // back from the window by "back"
  if (!window.IMP) say(texts.no_sdk, true);
})();
