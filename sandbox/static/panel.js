/* The panel: a form's fields go to its endpoint as JSON, then what lives on the page is fetched anew. */
(function () {
  "use strict";

  const LOOK_EVERY_MS = 4000;
  const texts = document.body.dataset;
  const said = document.getElementById("said");
  let offset = 0; // of the sandbox's clock, in ms

  function say(text, bad) {
    said.textContent = text;
    said.classList.toggle("bad", Boolean(bad));
  }

  /* A field as JSON would have it. "0031" is a code and stays a text; 503 is a number where the field says so. */
  function valueOf(field) {
    if (field.type === "checkbox") return field.checked;
    const text = field.value.trim();
    if (text === "" && !("empty" in field.dataset)) return undefined;
    const isNumber = field.type === "number" || ("number" in field.dataset && String(Number(text)) === text);
    return isNumber ? Number(text) : text;
  }

  function bodyOf(form) {
    const body = {};
    for (const field of form.elements) {
      if (!field.name || (field.type === "radio" && !field.checked)) continue;
      const value = valueOf(field);
      if (value !== undefined) body[field.name] = value;
    }
    return body;
  }

  function mark(form, name) {
    for (const field of form.elements) field.removeAttribute("aria-invalid");
    const wrong = name && form.elements[name];
    if (!wrong || !wrong.setAttribute || wrong.type === "hidden") return;
    wrong.setAttribute("aria-invalid", "true");
    wrong.focus();
  }

  async function send(form) {
    mark(form, null);
    say(texts.working);
    const answer = await fetch(form.action, {
      method: form.dataset.method || "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(bodyOf(form)),
    });
    const told = await answer.json();
    show(form.dataset.shows, told);
    if (answer.ok) {
      say(told.message || form.dataset.done || texts.done);
    } else {
      say([texts.refused, told.field, told.message].filter(Boolean).join(" "), true);
      mark(form, told.field);
    }
  }

  function show(id, told) {
    const place = id && document.getElementById(id);
    if (!place) return;
    place.hidden = false;
    place.textContent = JSON.stringify(told, null, 1);
  }

  /* What may be lost when a part is put in anew: what is open, and where the keyboard stands. */
  function replace(old, fresh) {
    const open = [...old.querySelectorAll("details[open]")].map((details) => details.id);
    const focused = old.contains(document.activeElement) ? document.activeElement.id : null;
    old.innerHTML = fresh.innerHTML;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused === null) return;
    const again = document.getElementById(focused) || old.querySelector("[tabindex='-1']") || document.getElementById("main");
    again.focus({ preventScroll: true });
  }

  async function refresh() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    if (answer.redirected) return location.assign(answer.url); // the token is asked for again
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (fresh && (old.id === "clock" || fresh.textContent !== old.dataset.seen)) replace(old, fresh);
      if (fresh) old.dataset.seen = fresh.textContent;
    }
    setClock();
  }

  function setClock() {
    offset = Date.parse(document.getElementById("now").dateTime) - Date.now();
  }

  function tick() {
    const seoul = new Date(Date.now() + offset + 9 * 3600 * 1000).toISOString();
    document.getElementById("now").textContent = seoul.slice(0, 19).replace("T", " ");
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!("send" in form.dataset)) return;
    event.preventDefault();
    if (form.dataset.sure && !window.confirm(form.dataset.sure)) return;
    form.setAttribute("aria-busy", "true");
    try {
      await send(form);
      if ("whole" in form.dataset) return location.reload();
      await refresh();
    } catch {
      say(texts.cut, true);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });

  setClock();
  window.setInterval(tick, 1000);
  window.setInterval(() => {
    if (document.visibilityState === "visible") refresh().catch(() => {}); // the next look will tell
  }, LOOK_EVERY_MS);
})();
