/* The attack lab: a button plays its case, and what went back and forth appears below it. */
(function () {
  "use strict";

  const texts = document.getElementById("attacks").dataset;
  const cut = document.body.dataset.cut;
  const all = document.getElementById("attack-all");
  const total = document.getElementById("attack-total");

  function filled(text, values) {
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  function put(place, tag, text, name) {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    if (name) element.className = name;
    return place.appendChild(element);
  }

  function showSteps(place, steps) {
    const details = put(place, "details");
    put(details, "summary", `${texts.steps} (${steps.length})`);
    const list = put(details, "ol");
    let note = null;
    for (const step of steps) {
      const item = put(list, "li");
      if (step.note !== note) put(item, "b", (note = step.note));
      put(item, "code", step.request);
      put(item, "code", `→ ${step.answer}`, "came");
    }
  }

  function show(place, told) {
    place.textContent = "";
    if (!told.steps) return put(place, "p", told.message, "problem");
    const verdict = put(place, "p", "", told.state === "ok" ? "verdict" : `verdict ${told.state}`);
    put(verdict, "b", told.head);
    if (told.seen) put(verdict, "span", `${told.seen} `);
    put(verdict, "span", told.because);
    if (told.refused_by.length) {
      const by = put(place, "p", `${texts.refusedBy}: `, "hint");
      told.refused_by.forEach((where, number) => put(by, "code", `${number ? ", " : ""}${where.file} ${where.function}`));
    }
    showSteps(place, told.steps);
  }

  async function attack(form) {
    const place = form.parentElement.querySelector(".outcome");
    place.textContent = texts.attacking;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST" });
      const told = await answer.json();
      show(place, told);
      return told.state || "unplayable";
    } catch {
      show(place, { message: cut });
      return "unplayable";
    } finally {
      form.removeAttribute("aria-busy");
    }
  }

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!all?.disabled) total.textContent = "";
    attack(event.target);
  });

  all?.addEventListener("click", async () => {
    all.disabled = true;
    const forms = document.querySelectorAll(".attack form");
    const counts = { all: forms.length, ok: 0, broken: 0, unplayable: 0, not_described: 0 };
    total.classList.remove("bad");
    for (const [before, form] of forms.entries()) {
      total.textContent = filled(texts.attackingAll, { number: before + 1, all: forms.length });
      counts[await attack(form)] += 1;
    }
    total.classList.toggle("bad", counts.ok < counts.all);
    total.textContent = filled(counts.ok === counts.all ? texts.allPassed : texts.notAllPassed, counts);
    all.disabled = false;
  });
})();
