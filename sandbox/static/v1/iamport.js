/* An imitation of PortOne V1's iamport.js for the sandbox: IMP.init, IMP.agency, IMP.request_pay. The other functions
 * say that they are not imitated. Loaded twice, the first stays, with its init.
 *
 * It finds its server by its own address, so that a shop goes live by changing one <script src>. On a PC the payment
 * window is a popup (or a frame, if the sandbox is set so) and the result comes to the callback. On a phone the page
 * itself goes to the window and comes back to m_redirect_url.
 *
 * UNVERIFIED: every code that begins with SANDBOX_, and its text. No source tells what the real SDK says there. */
(function () {
  "use strict";

  if (window.IMP) return;
  // A module has no currentScript: iamport.esm.js leaves its address, else the page's own script element tells.
  const script = document.currentScript || [...document.scripts].find(({ src }) => /\/iamport[^/]*\.js/.test(src));
  const server = new URL("..", window.iamportAddress || script.src);
  const WIDTH = 390; // of KG's window
  const HEIGHT = 613;
  const CLOSED_CHECK_MS = 250;
  const RETRY_PAUSES_MS = [300, 1000, 3000];
  const hints = { pc_window: "popup", callback_shape: "v1" }; // until the server tells otherwise
  let userCode = null;
  let tierCode = null;

  /* --- the server --- */

  /* A shop on the sandbox's own origin may be one of many there, told apart by a cookie; others send none. */
  async function call(path, body) {
    const asked = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(new URL(path, server), { credentials: "same-origin", ...(body && asked) });
    return answer.json();
  }

  /* KG's real window speaks Korean only. This one follows the page that opens it, as far as it can. */
  function languageOf(params) {
    return String(params.language || document.documentElement.lang || "").slice(0, 2);
  }

  /* The pages around this one when it stands in a frame: they may show the window in its place. */
  function pagesAround() {
    if (window.parent === window) return [];
    return [...(location.ancestorOrigins || [document.referrer])]; // Firefox tells the nearest only
  }

  async function ask(params, device, callback) {
    const asked = { user_code: userCode, tier_code: tierCode, params, device, callback: Boolean(callback) };
    const page = { language: languageOf(params), page_url: location.href, pages_around: pagesAround() };
    try {
      const answer = await call("window", { ...asked, ...page });
      if (answer.window_id || answer.result) return answer;
      return { result: refusal(params, "SANDBOX_REQUEST", answer.message) };
    } catch (error) {
      return { result: refusal(params, "SANDBOX_NETWORK", "결제 서버에 연결하지 못했습니다.") };
    }
  }

  /* The buyer shut the window from outside. If it had ended before that, the answer tells how. */
  async function close(windowId) {
    for (const pause of RETRY_PAUSES_MS) {
      try {
        return await call(`window/${windowId}/close`, {});
      } catch (error) {
        await new Promise((resume) => setTimeout(resume, pause));
      }
    }
    return null;
  }

  /* --- refusals before anything opens --- */

  function refusal(params, errorCode, errorMsg) {
    const told = { imp_uid: null, merchant_uid: params.merchant_uid, error_code: errorCode, error_msg: errorMsg };
    return hints.callback_shape === "legacy" ? { success: false, ...told } : told;
  }

  function firstObjection(params) {
    if (!userCode) return refusal(params, "SANDBOX_INIT", "IMP.init을 먼저 호출해 주세요.");
    if (typeof params.merchant_uid !== "string") {
      return refusal(params, "SANDBOX_TYPE", "merchant_uid는 문자열이어야 합니다.");
    }
    if (typeof params.amount !== "number") return refusal(params, "SANDBOX_TYPE", "amount는 숫자여야 합니다.");
    return null;
  }

  /* Never from inside request_pay itself: a caller may count on its next line running first. */
  function tell(callback, result, name = "request_pay") {
    if (!result) return; // a lost answer: nobody hears anything
    if (callback) setTimeout(callback, 0, result);
    else if (result.error_msg) console.warn(`IMP.${name}: ${result.error_msg}`, result);
  }

  function notImitated(name) {
    return (...given) => {
      const callback = given.find((one) => typeof one === "function");
      const params = given.find((one) => one && typeof one === "object") || {};
      const text = `[샌드박스] 이 샌드박스는 IMP.${name}을(를) 흉내 내지 않습니다.`;
      tell(callback, refusal(params, "SANDBOX_NOT_IMITATED", text), name);
    };
  }

  /* --- the ways a window is shown --- */

  /* Opened at once, inside the click: after waiting for the server a browser would refuse. */
  function openPopup(language) {
    const left = Math.max(0, Math.round(window.screenX + (window.outerWidth - WIDTH) / 2));
    const top = Math.max(0, Math.round(window.screenY + (window.outerHeight - HEIGHT) / 2));
    const features = `popup,width=${WIDTH},height=${HEIGHT},left=${left},top=${top}`;
    const popup = window.open(new URL(`window/opening?lang=${encodeURIComponent(language)}`, server), "_blank", features);
    return popup && !popup.closed ? popup : null;
  }

  function style(element, rules) {
    Object.assign(element.style, rules); // not a style attribute: a strict content policy would ignore that
    return element;
  }

  /* A modal dialog: the browser keeps the focus inside, turns Esc into `cancel`, and puts the focus back. */
  function buildOverlay(url, language) {
    const words = language === "en" ? ["Pay by phone bill", "Close"] : ["휴대폰 결제", "닫기"];
    const narrow = window.innerWidth < WIDTH + 40;
    const overlay = style(document.createElement("dialog"), {
      position: "fixed", inset: "0", boxSizing: "border-box", border: "0", padding: "0", margin: "0",
      width: "100%", height: "100%", maxWidth: "none", maxHeight: "none", background: "rgb(12 22 20 / .62)",
    });
    overlay.setAttribute("aria-label", words[0]);
    const box = style(document.createElement("div"), {
      position: "absolute", inset: "0", margin: "auto", display: "flex", flexDirection: "column",
      width: narrow ? "100%" : `${WIDTH}px`, height: narrow ? "100%" : `min(${HEIGHT + 44}px, 100%)`,
    });
    const button = style(document.createElement("button"), {
      flex: "0 0 44px", alignSelf: "flex-end", width: "44px", border: "0", padding: "0",
      background: "transparent", color: "#fff", font: "24px/44px sans-serif", cursor: "pointer",
    });
    button.type = "button";
    button.textContent = "✕";
    button.setAttribute("aria-label", words[1]);
    const frame = style(document.createElement("iframe"), {
      flex: "1", minHeight: "0", width: "100%", border: "0", borderRadius: narrow ? "0" : "14px", background: "#fff",
    });
    frame.title = words[0];
    frame.src = url;
    box.append(button, frame);
    overlay.append(box);
    return { overlay, button, frame };
  }

  function showOverlay(answer, params, callback) {
    const { overlay, button, frame } = buildOverlay(new URL(answer.url, server), languageOf(params));
    const page = document.documentElement;
    const scrolling = page.style.overflow;

    function shut() {
      overlay.close();
      overlay.remove();
      page.style.overflow = scrolling;
    }

    async function giveUp() {
      button.disabled = true;
      ending.end(await close(answer.window_id));
    }

    const ending = waitFor(answer.window_id, params, callback, () => frame.contentWindow, shut);
    button.addEventListener("click", giveUp);
    overlay.addEventListener("cancel", (event) => {
      event.preventDefault(); // stay until the server knows
      giveUp();
    });
    document.body.append(overlay);
    page.style.overflow = "hidden";
    overlay.showModal();
    frame.focus();
  }

  function watchPopup(popup, answer, params, callback) {
    const ending = waitFor(answer.window_id, params, callback, () => popup, () => clearInterval(watch));

    async function look() {
      if (!popup.closed) return;
      clearInterval(watch);
      ending.end(await close(answer.window_id));
    }

    const watch = setInterval(look, CLOSED_CHECK_MS);
    popup.location.replace(new URL(answer.url, server));
  }

  /* The result arrives once: by a message from our server's window and of this payment, or by `end`. */
  function waitFor(windowId, params, callback, source, cleanUp) {
    let ended = false;

    function end(how) {
      if (ended) return;
      ended = true;
      window.removeEventListener("message", hear);
      cleanUp();
      const unreachable = refusal(params, "SANDBOX_NETWORK", "결제 결과를 확인하지 못했습니다.");
      tell(callback, how ? how.result : unreachable);
    }

    function hear(event) {
      if (event.origin !== server.origin || event.source !== source()) return;
      if (event.data && event.data.iamport === windowId) end(event.data);
    }

    window.addEventListener("message", hear);
    return { end };
  }

  /* --- PC and phone --- */

  function isPhone() {
    const agent = navigator.userAgent;
    const iPad = /Macintosh/.test(agent) && navigator.maxTouchPoints > 1; // iPadOS 13 and later calls itself a Mac
    return /Android|iPhone|iPad|iPod|Mobile/i.test(agent) || iPad;
  }

  async function payOnPC(params, callback) {
    if (!callback) console.warn("IMP.request_pay has no callback: on a PC nothing else hears of the result;"
      + " m_redirect_url is for phones.");
    const popup = hints.pc_window === "popup" ? openPopup(languageOf(params)) : null;
    if (!popup && hints.pc_window === "popup") {
      const advice = "팝업이 차단되었습니다. 브라우저에서 팝업을 허용한 뒤 다시 시도해 주세요.";
      tell(callback, refusal(params, "SANDBOX_POPUP_BLOCKED", advice));
      return;
    }
    const answer = await ask(params, "pc", callback);
    const usesPopup = popup && answer.mode === "popup"; // the hint may have come too late
    if (popup && !usesPopup) popup.close();
    if (!answer.window_id) tell(callback, answer.result);
    else if (usesPopup) watchPopup(popup, answer, params, callback);
    else showOverlay(answer, params, callback);
  }

  async function payOnPhone(params, callback) {
    const answer = await ask(params, "mobile", callback);
    if (answer.mode === "iframe") showOverlay(answer, params, callback);
    else if (answer.window_id) location.href = new URL(answer.url, server);
    else if (answer.redirect) location.href = answer.redirect; // no callback: the shop hears of it there
    else tell(callback, answer.result);
  }

  /* --- what a page calls; without `this`, so that each works when it is taken out of IMP --- */

  function init(code) {
    if (userCode && userCode !== code) console.warn("IMP.init must not run twice; the first code stays.");
    userCode = userCode || code;
  }

  function agency(code, tier) {
    init(code);
    tierCode = tier;
  }

  function requestPay(params, callback) {
    const asked = Object(params);
    const listener = typeof callback === "function" ? callback : null;
    const phone = isPhone();
    const objection = firstObjection(asked);
    if (objection && (listener || !phone)) tell(listener, objection);
    else if (phone) payOnPhone(asked, listener); // without a callback the server says where to go with a refusal
    else payOnPC(asked, listener);
  }

  window.IMP = { init, agency, request_pay: requestPay };
  for (const name of ["certification", "loadUI", "updateLoadUIRequest", "naver_zzim", "communicate"]) {
    window.IMP[name] = notImitated(name);
  }

  call("window/hints").then((told) => Object.assign(hints, told)).catch(() => {}); // the defaults will do
})();
