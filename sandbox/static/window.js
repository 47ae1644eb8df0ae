/* The payment window: two steps, then the result goes back to the page that opened it. */
(function () {
  "use strict";

  const page = document.body.dataset;
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const alreadyEnded = JSON.parse(document.getElementById("ended").textContent);
  const identity = document.getElementById("identity");
  const approval = document.getElementById("approval");
  const problem = document.getElementById("problem");
  const ending = document.getElementById("ending");
  const consents = [...document.querySelectorAll(".agree")];
  const agreeAll = document.getElementById("agree-all");
  let expiresAt = 0;

  function say(message) {
    problem.textContent = message;
    problem.hidden = !message;
    if (message) problem.focus();
  }

  async function post(url, body) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.json();
  }

  /* One request at a time: the form is locked while it runs, and opens again unless the window has ended. */
  async function step(form, url, body, carryOn) {
    const buttons = form.querySelectorAll("button");
    buttons.forEach((button) => (button.disabled = true));
    say("");
    try {
      const answer = await post(url, body);
      if (answer.done) end(answer);
      else if (answer.message) say(answer.message);
      else carryOn(answer);
    } catch (error) {
      say(texts.trouble);
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  function sendCode() {
    const given = Object.fromEntries(new FormData(identity));
    return step(identity, page.codeUrl, given, (answer) => {
      identity.hidden = true;
      approval.hidden = false;
      document.getElementById("sms-code-shown").textContent = answer.code;
      expiresAt = Date.now() + answer.seconds * 1000;
      tick();
      approval.elements.code.value = "";
      approval.elements.code.focus();
    });
  }

  function tick() {
    const left = Math.max(0, Math.ceil((expiresAt - Date.now()) / 1000));
    document.getElementById("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (!approval.hidden && left === 0) say(texts.expired);
    else if (!approval.hidden) setTimeout(tick, 1000);
  }

  /* A success goes straight back; a refusal stays until it has been read. */
  function end(how) {
    identity.hidden = approval.hidden = true;
    document.querySelector(".numbers").hidden = true;
    const failed = how.result && how.result.error_msg;
    if (failed && how.message) {
      show(texts.failed, how.message, () => goBack(how));
      return;
    }
    goBack(how);
  }

  function goBack(how) {
    if (how.lost) {
      show(texts.paid, texts.lost, null);
      if (page.device === "pc") window.close();
      return;
    }
    if (how.redirect) {
      location.replace(how.redirect);
      return;
    }
    if (page.device === "pc" && window.opener && page.openerOrigin) {
      window.opener.postMessage({ iamport: page.windowId, result: how.result }, page.openerOrigin);
      window.close();
    }
    const failed = how.result && how.result.error_msg;
    const why = page.device === "mobile" ? texts.no_way_back : texts.you_may_close;
    show(failed ? texts.failed : texts.paid, failed ? `${how.result.error_msg} ${why}` : why, null);
  }

  function show(title, text, back) {
    ending.hidden = false;
    ending.querySelector("h2").textContent = title;
    ending.querySelector("p").textContent = text;
    ending.querySelector(".buttons").hidden = !back;
    document.getElementById("back").onclick = back;
    ending.focus();
  }

  identity.addEventListener("submit", (event) => {
    event.preventDefault();
    if (consents.some((box) => !box.checked)) say(texts.need_consent);
    else sendCode();
  });
  document.getElementById("resend").addEventListener("click", sendCode);
  approval.addEventListener("submit", (event) => {
    event.preventDefault();
    step(approval, page.confirmUrl, { code: approval.elements.code.value }, () => {});
  });
  document.querySelectorAll(".cancel").forEach((button) =>
    button.addEventListener("click", () => step(button.form, page.closeUrl, {}, () => {})),
  );
  agreeAll.addEventListener("change", () => consents.forEach((box) => (box.checked = agreeAll.checked)));
  consents.forEach((box) =>
    box.addEventListener("change", () => (agreeAll.checked = consents.every((other) => other.checked))),
  );
  if (alreadyEnded) end(alreadyEnded);
})();
