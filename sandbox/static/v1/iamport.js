/* An imitation of PortOne V1's iamport.js for the sandbox: IMP.init, IMP.agency, IMP.request_pay.
 * It finds its server by its own address, so that a shop changes one <script src> to go live.
 *
 * On PC the window is a popup and the result comes to the callback; on a phone the page goes to the window and
 * comes back to m_redirect_url. */
(function () {
  "use strict";

  const server = new URL("..", document.currentScript.src);
  const POPUP = "popup,width=390,height=613";
  const CLOSED_CHECK_MS = 300;
  let userCode = null;
  let tierCode = null;

  function isPhone() {
    const agent = navigator.userAgent;
    const iPad = /Macintosh/.test(agent) && navigator.maxTouchPoints > 1; // iPadOS 13 and later calls itself a Mac
    return /Android|iPhone|iPad|iPod|Mobile/i.test(agent) || iPad;
  }

  function refusal(params, errorCode, errorMsg) {
    return { imp_uid: null, merchant_uid: params.merchant_uid, error_code: errorCode, error_msg: errorMsg };
  }

  async function post(path, body) {
    const answer = await fetch(new URL(path, server), {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body || {}),
    });
    return answer.json();
  }

  /* What the server will not let through anyway, said before anything opens. UNVERIFIED codes and texts. */
  function firstObjection(params) {
    if (!userCode) return refusal(params, "SANDBOX_INIT", "IMP.init을 먼저 호출해 주세요.");
    if (typeof params.amount !== "number") return refusal(params, "SANDBOX_TYPE", "amount는 숫자여야 합니다.");
    if (typeof params.merchant_uid !== "string") {
      return refusal(params, "SANDBOX_TYPE", "merchant_uid는 문자열이어야 합니다.");
    }
    return null;
  }

  async function ask(params, device, hasCallback) {
    try {
      const request = { user_code: userCode, tier_code: tierCode, params, device, callback: hasCallback };
      const answer = await post("window", { ...request, page_url: location.href });
      if (answer.url) return answer;
      return { objection: refusal(params, answer.error_code, answer.error_msg || answer.message) };
    } catch (error) {
      return { objection: refusal(params, "SANDBOX_NETWORK", "샌드박스 서버와 연결되지 않았습니다.") };
    }
  }

  /* PC. The popup opens at once, inside the click: after waiting for the server a browser would refuse it. */
  async function payInPopup(params, callback) {
    const popup = window.open(new URL("window/opening", server), "_blank", POPUP);
    if (!popup) {
      callback(refusal(params, "SANDBOX_POPUP_BLOCKED", "팝업이 차단되었습니다. 팝업을 허용한 뒤 다시 시도해 주세요."));
      return;
    }
    const answer = await ask(params, "pc", true);
    if (answer.objection) {
      popup.close();
      callback(answer.objection);
      return;
    }
    popup.location.replace(answer.url);
    waitFor(popup, answer.window_id, callback);
  }

  function waitFor(popup, windowId, callback) {
    let ended = false;

    function end(result) {
      if (ended) return;
      ended = true;
      window.removeEventListener("message", hear);
      clearInterval(watch);
      if (result) callback(result);
    }

    function hear(event) {
      if (event.origin !== server.origin || event.source !== popup) return;
      if (!event.data || event.data.iamport !== windowId) return;
      end(event.data.result);
    }

    async function look() {
      if (ended || !popup.closed) return;
      clearInterval(watch);
      try {
        const how = await post(`window/${windowId}/close`); // closed by its X, unless it had ended already
        end(how.result);
      } catch (error) {
        end(null);
      }
    }

    const watch = setInterval(look, CLOSED_CHECK_MS);
    window.addEventListener("message", hear);
  }

  /* A phone. The page itself goes to the window; a refusal before that goes the way that the shop can hear. */
  async function payOnPage(params, callback) {
    const answer = await ask(params, "mobile", typeof callback === "function");
    if (!answer.objection) {
      location.href = answer.url;
      return;
    }
    if (callback) {
      callback(answer.objection);
      return;
    }
    if (!params.m_redirect_url) return;
    const back = new URL(params.m_redirect_url, location.href);
    const told = { ...answer.objection, imp_success: "false" };
    for (const [key, value] of Object.entries(told)) if (value !== null) back.searchParams.append(key, value);
    location.href = back;
  }

  window.IMP = {
    init(code) {
      if (userCode && userCode !== code) console.warn("IMP.init was called twice; the first code stays.");
      userCode = userCode || code;
    },
    agency(code, tier) {
      this.init(code);
      tierCode = tier;
    },
    request_pay(params, callback) {
      const tell = typeof callback === "function" ? callback : null;
      const objection = firstObjection(params || {});
      if (objection) {
        if (tell) tell(objection);
        return;
      }
      if (isPhone()) payOnPage(params, tell);
      else payInPopup(params, tell || function () {});
    },
  };
})();
