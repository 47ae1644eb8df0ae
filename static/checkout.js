/* The cart's pay buttons. Three rules:
 * the server makes the order and says what to ask PortOne for; the callback proves nothing, so its ids go to the
 * server, which looks the payment up; and whatever fails, the button works again and the page says what to do. */
(function () {
  "use strict";

  const form = document.getElementById("buyer");
  const status = document.getElementById("checkout-status");
  const ways = document.getElementById("checkout-ways"); // what else the buyer can do; empty most of the time
  const openButton = document.getElementById("open-window");
  const checkButton = document.getElementById("check-result");
  const orderLink = document.getElementById("order-link");
  const newCart = document.getElementById("new-cart");
  const buttons = [...document.querySelectorAll(".pay")];
  const texts = JSON.parse(document.getElementById("checkout-texts").textContent);
  const csrfToken = document.querySelector('meta[name="csrf-token"]').content;
  const PAUSES_MS = [500, 1500, 3000]; // between the tries to report a result
  const LOST_AFTER_MS = 20000; // no callback for so long: perhaps the window is gone
  let pressed = null; // the button of the payment under way: no second click, or other button, starts another
  let initialised = false; // IMP.init must not run twice
  let lostTimer = 0;
  let stopWatching = () => {}; // of the payment under way

  /* This script runs before the SDK's, so that a slow or blocked SDK leaves no dead button. It says how that ended. */
  const SDK_PATIENCE_MS = 8000;
  const sdkSettled = new Promise((settle) => {
    const sdk = document.getElementById("portone-sdk");
    if (window.IMP) settle();
    sdk.addEventListener("load", settle);
    sdk.addEventListener("error", settle);
  });
  sdkSettled.then(() => window.IMP || say(texts.no_sdk, true));

  /* --- what the page says and offers --- */

  function say(text, bad) {
    status.textContent = text;
    status.classList.toggle("bad", Boolean(bad));
    if (text) status.scrollIntoView({ block: "nearest" });
  }

  function offer(way) {
    for (const each of [openButton, checkButton, orderLink, newCart]) each.hidden = each !== way;
    ways.hidden = !way;
  }

  function lock(button) {
    pressed = button;
    buttons.forEach((each) => (each.disabled = Boolean(button)));
    form.setAttribute("aria-busy", String(Boolean(button)));
    clearTimeout(lostTimer);
    stopWatching();
    offer(null);
  }

  /* `why`: a text, or a refusal as `shopPayment.explain` takes it. */
  function giveUp(why, orderUrl) {
    const again = pressed;
    lock(null);
    say(typeof why === "string" ? why : why.meaning, true);
    if (typeof why !== "string") window.shopPayment.explain(status, why);
    if (orderUrl) {
      orderLink.href = orderUrl;
      offer(orderLink);
    }
    if (again && document.activeElement === document.body) again.focus(); // disabled, it had lost the focus
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
      if (needed && !field.disabled && !field.value.trim()) missing[field.name] = texts.required;
    }
    return missing;
  }

  /* The agreements beside this button; the server takes the order without them, the page does not send one. */
  function consented(button) {
    const group = button.closest(".slip").querySelector(".consent");
    const all = group.querySelector("[data-all]");
    const lines = [...group.querySelectorAll("[data-line]")];
    const missing = lines.filter((line) => !line.checked);
    for (const line of lines) line.setAttribute("aria-invalid", String(!line.checked));
    const note = document.getElementById(`${all.id}-problem`);
    note.textContent = missing.length < lines.length ? texts.consent_line : texts.consent;
    note.hidden = !missing.length;
    if (!missing.length) return true;
    say(texts.consent, true);
    (missing.length < lines.length ? missing[0] : all).focus();
    return false;
  }

  /* --- the server --- */

  function pause(milliseconds) {
    return new Promise((resume) => setTimeout(resume, milliseconds));
  }

  async function post(url, body) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  }

  async function pay(button) {
    if (pressed) return;
    const missing = missingFields(button.dataset.kind);
    if (Object.keys(missing).length) say(texts.check_fields, true);
    showProblems(missing); // after the text, so that the first of them is what stays in sight
    if (Object.keys(missing).length || !consented(button)) return;

    lock(button);
    say(texts.preparing);
    await Promise.race([sdkSettled, pause(SDK_PATIENCE_MS)]);
    if (!window.IMP) return giveUp(texts.no_sdk);
    const order = Object.fromEntries(new FormData(form));
    order.kind = button.dataset.kind;
    order.consent = true;
    order.total_seen = Number(button.dataset.total); // only compared: the server charges its own prices
    if (order.kind === "monthly") {
      order.product_id = Number(button.dataset.productId);
      for (const field of form.querySelectorAll(".address input")) delete order[field.name]; // of the goods beside it
    }
    let answer;
    try {
      answer = await post(form.dataset.checkoutUrl, order);
    } catch (error) {
      return giveUp(texts.network);
    }
    if (answer.status === 401) return location.assign(form.dataset.loginUrl);
    if (answer.body.error === "already_paid") return goOn(answer.body.message, answer.body.redirect);
    if (!answer.ok) {
      giveUp(answer.body.message);
      showProblems(answer.body.fields || {});
      const stale = answer.status === 409 || answer.body.error === "csrf"; // this page, or its token, is not current
      if (stale) offer(newCart); // loads the page anew and keeps what was typed
      return;
    }
    tellPage("shop:checkout", answer.body);
    openWindow(answer.body);
  }

  /* For the demo's learn panel; nobody has to listen. */
  function tellPage(name, detail) {
    document.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /* --- the payment window --- */

  /* A browser lets a page open a window only shortly after a click. If the server took longer, ask for another. */
  function openWindow(checkout) {
    const clickStillCounts = !navigator.userActivation || navigator.userActivation.isActive;
    if (clickStillCounts) return requestPay(checkout);
    say(texts.ready);
    openButton.onclick = () => requestPay(checkout);
    offer(openButton);
    openButton.focus();
  }

  function requestPay(checkout) {
    offer(null);
    say(texts.window);
    try {
      if (!initialised) window.IMP.init(checkout.imp_code);
      initialised = true;
      window.IMP.request_pay(checkout.request_pay, (result) => report(checkout, result || {}));
    } catch (error) {
      return giveUp(texts.sdk_trouble);
    }
    lostTimer = setTimeout(() => lostSight(checkout), LOST_AFTER_MS);
    stopWatching = window.shopPayment.watch(checkout.state_url, heard);
  }

  /* Our own tables know more than this page: a webhook came, or another tab asked. True: nothing more to ask. */
  function heard(state) {
    if (window.shopPayment.hasMoney(state)) {
      goOn(texts.just_paid, state.redirect);
    } else if (!state.open) {
      giveUp(state.refusal || texts.not_paid, state.redirect);
    }
    return !state.open;
  }

  function goOn(text, url) {
    clearTimeout(lostTimer);
    offer(null);
    say(text);
    window.shopPayment.goOn(url);
  }

  /* A window that dies takes the callback with it. The buyer can ask the server instead. */
  function lostSight(checkout) {
    say(texts.lost_window);
    checkButton.onclick = () => report(checkout, {});
    offer(checkButton);
  }

  /* The callback ran. Old SDKs send `success`, new ones only error fields; neither is looked at: the server decides. */
  async function report(checkout, result) {
    clearTimeout(lostTimer);
    stopWatching();
    offer(null);
    say(texts.checking);
    tellPage("shop:callback", result);
    const told = { merchant_uid: checkout.merchant_uid };
    for (const key of ["imp_uid", "error_code", "error_msg"]) if (result[key]) told[key] = String(result[key]);
    const answer = await reportUntilHeard(told);
    const opened = result.imp_uid || !result.error_msg; // refused before the window opened: no payment to wait for
    if (!answer || (opened && answer.body.outcome === "unknown")) return checkElsewhere(checkout, told, answer);
    const { outcome, status: paymentStatus, redirect, message, meaning, advice, by_buyer: byBuyer } = answer.body;
    const arrived = outcome === "held" || ["paid", "cancelled"].includes(paymentStatus); // perhaps by another door
    if (redirect && arrived) {
      say(texts.done);
      location.assign(redirect);
      return;
    }
    if (byBuyer) return giveUp(advice, redirect);
    if (!meaning && !result.error_msg) return giveUp(message || texts.not_paid, redirect);
    giveUp({ meaning: meaning || texts.not_paid, advice, words: result.error_msg || message }, redirect);
  }

  async function reportUntilHeard(told) {
    for (const milliseconds of [...PAUSES_MS, 0]) {
      try {
        return await post(form.dataset.completeUrl, told);
      } catch (error) {
        await pause(milliseconds);
      }
    }
    return null;
  }

  /* Nobody could say yet. The order page goes on asking; without its address, the door for phones leads there. */
  function checkElsewhere(checkout, told, answer) {
    if (answer && answer.body.redirect) return location.assign(`${answer.body.redirect}#checking`);
    const door = new URL(checkout.request_pay.m_redirect_url);
    for (const [key, value] of Object.entries(told)) door.searchParams.set(key, value);
    location.assign(door);
  }

  for (const button of buttons) button.addEventListener("click", () => pay(button));
  form.addEventListener("input", ({ target }) => {
    if (target.getAttribute("aria-invalid") !== "true") return; // what was called wrong is not any longer
    showProblem(target.name, "");
    if (!form.querySelector('[aria-invalid="true"]')) say("");
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault(); // Enter in a field pays when there is one thing to pay, else the buyer chooses
    if (buttons.length === 1) return pay(buttons[0]);
    if (pressed || !buttons.length) return;
    say(texts.choose);
    buttons[0].focus();
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return; // back from the window by "back"
    lock(null);
    say("");
  });
  lock(null); // the page comes with its buttons off: until here, pressing them would have done nothing
})();
