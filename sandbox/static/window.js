/* The payment window: who pays, the approval code, and the result's way back to the page that opened it. */
(function () {
  "use strict";

  const page = document.body.dataset;
  const [texts, ended, resumed] = ["texts", "ended", "resumed"].map((id) => JSON.parse(find(id).textContent));
  const identity = find("identity");
  const approval = find("approval");
  const consents = [...document.querySelectorAll(".agree")];
  const steps = document.querySelectorAll(".steps li");
  const ANNOUNCED_SECONDS = [60, 30, 10];
  let expiresAt = 0;
  let busy = false;
  let ticking = null;

  function find(id) {
    return document.getElementById(id);
  }

  function announce(text) {
    find("announcement").textContent = text;
  }

  function digitsOf(text) {
    return text.replace(/\D/g, "");
  }

  /* --- slips of the buyer's, told beside the field --- */

  function mark(field, text) {
    const note = find((field.getAttribute("aria-describedby") || "").split(" ")[0]);
    if (text) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    if (!note) return;
    note.textContent = text;
    note.hidden = !text;
  }

  const WRONG = {
    phone: (value) => (/^01\d{8,9}$/.test(digitsOf(value)) ? "" : texts.bad_phone),
    birth: (value) => (/^\d{6}$/.test(value) ? "" : texts.bad_birth),
    gender: (value) => (/^[1-8]$/.test(value) ? "" : texts.bad_gender),
    code: (value) => (/^\d{6}$/.test(value) ? "" : texts.bad_code),
  };

  function slipIn(field) {
    if (field.type === "checkbox") return field.checked ? "" : texts.agree_first;
    return WRONG[field.name](field.value.trim());
  }

  /* Marks what is wrong and moves to the first of it. */
  function isComplete(form) {
    const fields = [...form.querySelectorAll("[required]")];
    fields.forEach((field) => mark(field, ""));
    const wrong = fields.filter(slipIn);
    wrong.forEach((field) => mark(field, slipIn(field)));
    if (wrong.length) wrong[0].focus();
    return !wrong.length;
  }

  /* What KG says stands on top, in its own language; the field that it is about is marked and focused. */
  function say(message, language, name, form) {
    find("problem").textContent = message;
    find("problem").lang = language || document.documentElement.lang;
    const field = message && name && form.elements[name];
    if (!field) return;
    if (field instanceof RadioNodeList) [...field].find((one) => one.checked).focus();
    else {
      field.setAttribute("aria-invalid", "true");
      field.focus();
    }
    find("problem").scrollIntoView({ block: "nearest" });
  }

  /* --- the server --- */

  async function post(url, body) {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return answer.json();
  }

  /* One request at a time. The buttons stay focusable, so that nobody loses their place meanwhile. */
  async function step(form, url, body, carryOn) {
    if (busy) return;
    busy = true;
    form.setAttribute("aria-busy", "true");
    say("");
    try {
      const answer = await post(url, body);
      if (answer.done) end(answer);
      else if (answer.message) say(answer.message, "ko", answer.field, form);
      else carryOn(answer);
    } catch (error) {
      say(texts.trouble);
    } finally {
      busy = false;
      form.removeAttribute("aria-busy");
    }
  }

  /* --- two steps --- */

  function showStep(number) {
    identity.hidden = number !== 0;
    approval.hidden = number !== 1;
    steps.forEach((item) => item.removeAttribute("aria-current"));
    steps[number].setAttribute("aria-current", "step");
    page.step = number + 1;
    window.scrollTo(0, 0);
  }

  function sendCode() {
    const given = Object.fromEntries(new FormData(identity));
    return step(approval.hidden ? identity : approval, page.codeUrl, given, showCode);
  }

  function showCode(sent) {
    showStep(1);
    find("sms-code-shown").textContent = sent.code;
    announce(texts.code_sent);
    expiresAt = Date.now() + sent.seconds * 1000;
    clearInterval(ticking);
    ticking = setInterval(tick, 1000);
    tick();
    approval.elements.code.value = "";
    mark(approval.elements.code, "");
    approval.elements.code.focus();
  }

  function tick() {
    const left = Math.max(0, Math.ceil((expiresAt - Date.now()) / 1000));
    find("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    find("left").classList.toggle("late", left <= 30);
    if (ANNOUNCED_SECONDS.includes(left)) announce(texts.seconds_left.replace("{seconds}", left));
    if (left > 0) return;
    clearInterval(ticking);
    if (!approval.hidden) say(texts.expired);
  }

  /* --- the end --- */

  function end(how) {
    clearInterval(ticking);
    identity.hidden = approval.hidden = true;
    document.querySelector(".steps").hidden = true;
    page.step = 3;
    find("numbers").open = false;
    const refused = !how.success && how.message; // by KG or by the shop: it stays until it has been read
    if (refused) show(false, how.message, () => goBack(how));
    else goBack(how);
  }

  /* A lost answer reaches nobody: a popup just disappears, and the shop's page learns nothing. */
  function goBack(how) {
    if (page.mode === "page" && how.redirect) {
      location.replace(how.redirect);
      return;
    }
    const overlay = page.mode === "iframe" && window.parent !== window;
    if (overlay && how.lost) {
      show(true, texts.lost, () => send(window.parent, null));
      return;
    }
    if (overlay) send(window.parent, how.result);
    else if (page.mode === "popup" && window.opener && !how.lost) send(window.opener, how.result);
    if (page.mode === "popup") window.close();
    const nowhere = page.mode === "page" ? texts.no_way_back : texts.you_may_close;
    const why = how.lost ? texts.lost : nowhere;
    show(how.success, [how.result && how.result.error_msg, why].filter(Boolean).join(" "), null);
  }

  function send(shop, result) {
    if (page.openerOrigin) shop.postMessage({ iamport: page.windowId, result }, page.openerOrigin);
  }

  function show(success, text, back) {
    const ending = find("ending");
    ending.hidden = false;
    ending.classList.toggle("paid", success);
    find("ending-title").textContent = success ? texts.paid : texts.failed;
    find("ending-text").textContent = text;
    find("back").parentElement.hidden = !back;
    find("back").onclick = back;
    ending.focus();
  }

  /* --- what the buyer does --- */

  function giveUp() {
    if (find("ending").hidden) step(identity.hidden ? approval : identity, page.closeUrl, {}, () => {});
    else find("back").click(); // nothing to give up any more
  }

  function writePhone() {
    const digits = digitsOf(identity.elements.phone.value);
    const middle = digits.length === 11 ? 7 : 6;
    const parts = [digits.slice(0, 3), digits.slice(3, middle), digits.slice(middle)];
    if (digits.length === 10 || digits.length === 11) identity.elements.phone.value = parts.join("-");
  }

  function fillIn(number) {
    if (identity.elements.phone.readOnly) return; // the shop fixes the number
    showStep(0);
    identity.elements.phone.value = number;
    mark(identity.elements.phone, "");
    find("numbers").open = false;
    announce(texts.number_filled.replace("{number}", number));
    identity.elements.phone.focus();
  }

  identity.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isComplete(identity)) sendCode();
  });
  approval.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isComplete(approval)) step(approval, page.confirmUrl, { code: approval.elements.code.value.trim() }, () => {});
  });
  document.querySelectorAll("input").forEach((field) => field.addEventListener("input", () => mark(field, "")));
  document.querySelectorAll(".cancel").forEach((button) => button.addEventListener("click", giveUp));
  document.querySelectorAll(".number").forEach((button) => button.addEventListener("click", () => fillIn(button.value)));
  identity.elements.phone.addEventListener("blur", writePhone);
  find("resend").addEventListener("click", sendCode);
  find("change").addEventListener("click", () => {
    say("");
    showStep(0);
    identity.elements.phone.focus();
  });
  find("fill-code").addEventListener("click", () => {
    approval.elements.code.value = find("sms-code-shown").textContent;
    mark(approval.elements.code, "");
    find("pay").focus();
  });
  find("agree-all").addEventListener("change", (event) => {
    consents.forEach((box) => (box.checked = event.target.checked));
    consents.forEach((box) => mark(box, ""));
  });
  consents.forEach((box) =>
    box.addEventListener("change", () => (find("agree-all").checked = consents.every((other) => other.checked))),
  );
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.mode === "iframe") giveUp(); // the overlay around us cannot hear it
  });

  document.querySelector("main").inert = false;
  writePhone();
  if (ended) end(ended);
  else if (resumed) showCode(resumed);
})();
