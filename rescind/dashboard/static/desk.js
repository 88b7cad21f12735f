// Shows times in the reader's zone, keeps the board up to date, ticks boxes together.
"use strict";
(() => {
  const skew = Date.now() - Date.parse(document.body.dataset.now);
  const clock = () => Date.now() - skew;
  // Swedish formats times as 2026-11-20 18:09:00, which every reader understands.
  const [two, turkish] = ["2-digit", document.documentElement.lang === "tr"];
  const parts = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two };
  const format = new Intl.DateTimeFormat(turkish ? "tr-TR" : "sv-SE", parts);

  // The page gives the words in its language.
  const { units, ago, ahead } = document.body.dataset;
  const [days, hours, minutes, second] = units.split(" ");
  const span = (ms) => {
    const seconds = Math.max(0, Math.round(ms / 1000));
    for (const [size, unit] of [[86400, days], [3600, hours], [60, minutes]])
      if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
    return `${seconds} ${second}`;
  };
  const relative = (ms) => (ms < 0 ? ahead : ago).replace("#", span(Math.abs(ms)));
  const grow = () => {
    for (const one of document.querySelectorAll("time[data-age]"))
      one.textContent = span(clock() - Date.parse(one.dateTime));
    for (const one of document.querySelectorAll("time[data-at] > small")) {
      const said = ` (${relative(clock() - Date.parse(one.parentNode.dateTime))})`;
      if (one.textContent !== said) one.textContent = said;
    }
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // The server reads the filter's times without an offset in this zone, and draws the plot in it.
  if (zone) document.cookie = `rescind_zone=${zone}; path=/; max-age=31536000; samesite=strict`;
  const localise = (root) => {
    for (const one of root.querySelectorAll("time[data-at]"))
      one.replaceChildren(format.format(new Date(one.dateTime)), document.createElement("small"));
    for (const one of root.querySelectorAll("[data-zone]")) one.textContent = zone || "–";
    // The server reads times without an offset in this zone.
    for (const one of root.querySelectorAll("input[name=zone]")) one.value = zone || "UTC";
  };
  // Shows the right end of the plot, where the latest hours are.
  const scroll = () => {
    for (const one of document.querySelectorAll(".scroll:has(.plot)")) one.scrollLeft = one.scrollWidth;
  };
  localise(document);
  grow();
  scroll();
  setInterval(grow, 1000);
  // Before the browser paints what came, so that no time in UTC is seen.
  document.body.addEventListener("htmx:afterSwap", () => { localise(document); grow(); });
  document.body.addEventListener("htmx:load", (event) => { localise(event.detail.elt); grow(); });
  // What the reader has unfolded stays so when a page updates itself.
  let unfolded = [];
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    unfolded = [...event.detail.target.querySelectorAll("details[open][id]")].map((one) => one.id);
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  });

  // A menu closes when its reader goes elsewhere.
  const close = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.activeElement?.closest("details.menu")?.querySelector("summary").focus();
    close(null);
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-all]")) return;
    for (const box of event.target.form.querySelectorAll("input[name=id]"))
      box.checked = event.target.checked;
  });

  // --- live updates -------------------------------------------------------------

  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  const board = document.getElementById("board");
  const trouble = document.getElementById("trouble");
  const stale = document.getElementById("stale");
  const PATIENCE = 12000;
  let seen = Date.now();

  const isStale = (yes) => {
    if (stale.hidden === !yes) return;
    stale.querySelector("[data-seen]").textContent = format.format(new Date(seen - skew));
    stale.hidden = !yes;
  };
  const heard = () => { seen = Date.now(); isStale(false); };
  const swap = (text) => {
    const focused = document.activeElement && document.activeElement.id;
    const open = [...board.querySelectorAll("details[open]")].map((one) => one.id);
    const found = new DOMParser().parseFromString(text, "text/html");
    board.replaceChildren(...found.body.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    localise(board);
    grow();
    scroll();
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const source = new EventSource(live.dataset.live);
  source.addEventListener("beat", heard);
  source.addEventListener("board", (event) => { heard(); trouble.replaceChildren(); swap(event.data); });
  source.addEventListener("trouble", (event) => {
    heard();
    trouble.replaceChildren(...new DOMParser().parseFromString(event.data, "text/html").body.childNodes);
  });
  source.addEventListener("signed-out", () => { source.close(); location.reload(); });
  source.addEventListener("error", () => isStale(true));
  setInterval(() => isStale(Date.now() - seen > PATIENCE), 1000);
  addEventListener("pagehide", () => source.close());
})();
