// The back office works without this file; it shows that long work is under way, and how far a download has come.

for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    form.setAttribute("aria-busy", "true");
    button.setAttribute("aria-busy", "true");
    button.textContent = form.dataset.busy;
    // After this turn: a button that is disabled now would not be sent.
    setTimeout(() => { button.disabled = true; });
  });
}

// Back from the next page: the browser may show this one as it was left.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// On a phone the tabs scroll: the current one is shown.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

const counted = new Intl.NumberFormat(document.documentElement.lang);

async function download(link, status) {
  const answer = await fetch(link.href);
  if (!answer.ok) throw new Error(answer.status);
  const name = answer.headers.get("Content-Disposition").split('"')[1];
  const reader = answer.body.getReader();
  const pieces = [];
  let lines = -1; // the first line names the columns
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    for (const byte of value) if (byte === 10) lines += 1;
    const all = link.dataset.rows ? ` / ${counted.format(link.dataset.rows)}` : "";
    status.textContent = `${link.dataset.progress} ${counted.format(Math.max(lines, 0))}${all}`;
  }
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(new Blob(pieces, { type: "text/csv" }));
  saved.download = name;
  saved.click();
  setTimeout(() => URL.revokeObjectURL(saved.href), 60000);
  status.textContent = `${link.dataset.done} (${counted.format(Math.max(lines, 0))})`;
}

for (const link of document.querySelectorAll("a[data-download]")) {
  const status = link.parentElement.querySelector(".progress");
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    if (link.getAttribute("aria-busy")) return;
    link.setAttribute("aria-busy", "true");
    status.textContent = link.dataset.busy;
    try {
      await download(link, status);
    } catch {
      status.textContent = link.dataset.failed;
    }
    link.removeAttribute("aria-busy");
  });
}
