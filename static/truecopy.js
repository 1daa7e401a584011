// The page's own script: dialogs, switches, and what a live page knows. Everything works without it but for being live.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-opens], [data-closes], [data-shows], [data-copy], [data-holds], [data-reads]");
    if (!target) {
      closeMenus(event);
      return;
    }
    const data = target.dataset;
    if (data.opens) {
      const dialog = byId(data.opens);
      if (dialog && dialog.showModal) {
        event.preventDefault();
        dialog.showModal();
      }
    } else if ("closes" in data) {
      event.preventDefault();
      target.closest("dialog").close();
    } else if (data.shows) {
      const field = byId(data.shows);
      const shown = field.type === "text";
      field.type = shown ? "password" : "text";
      target.setAttribute("aria-pressed", String(!shown));
    } else if ("copy" in data) {
      copy(target);
    } else if (data.holds) {
      const held = target.getAttribute("aria-pressed") !== "true";
      target.setAttribute("aria-pressed", String(held));
      if (!held) release();
    } else if (data.reads) {
      const reads = target.getAttribute("aria-pressed") !== "true";
      target.setAttribute("aria-pressed", String(reads));
      byId(data.reads).setAttribute("aria-live", reads ? "polite" : "off");
    }
  });

  function closeMenus(event) {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
      said(button, "Copied");
    } catch {
      said(button, "Not allowed here");
    }
  }

  function said(button, words) {
    const label = button.querySelector("span") || button;
    const before = label.textContent;
    label.textContent = words;
    setTimeout(() => { label.textContent = before; }, 1500);
  }

  // A form that starts work locks after the press: twice is never meant.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // A form that came over the socket has no token of its own; that of the page is the same.
    if (form.method === "post" && !form.elements.csrfmiddlewaretoken) {
      form.append(document.querySelector('input[name="csrfmiddlewaretoken"]').cloneNode());
    }
    if (!("once" in form.dataset)) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (button) {
      button.setAttribute("aria-busy", "true");
      if (button.dataset.busy) button.lastChild.textContent = button.dataset.busy;
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // The number of what is ticked stands in the button.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-counts]");
    if (!form) return;
    const boxes = [...form.querySelectorAll('input[type="checkbox"][name="record"]')];
    if ("all" in event.target.dataset) {
      const group = event.target.closest("[data-group]");
      for (const box of group.querySelectorAll('input[name="record"]')) box.checked = event.target.checked;
    }
    const count = boxes.filter((box) => box.checked).length;
    for (const slot of form.querySelectorAll("[data-count]")) slot.textContent = String(count);
  });

  // --- live pages -----------------------------------------------------------------------------------------------

  const POLL_SECONDS = 10;
  let socket = "none";  // none | connecting | open | closed | refused
  let lastSequence = 0;
  let lastHeard = Date.now();
  let lastPolled = Date.now();
  let closedAt = 0;
  let waitingFeed = null;

  const on = (name, act) => document.addEventListener(name, act);
  on("htmx:wsConnecting", () => { if (socket !== "closed") socket = "connecting"; mark(); });
  on("htmx:wsOpen", () => { socket = "open"; lastSequence = 0; heard(); });
  on("htmx:wsClose", (event) => {
    const code = event.detail.event.code;
    if (socket === "open") closedAt = Date.now();
    socket = code === 4403 ? "refused" : code === 1000 ? "ended" : "closed";
    mark();
  });
  on("htmx:wsBeforeMessage", (event) => {
    const found = /data-sequence="(\d+)"/.exec(event.detail.message);
    if (!found) return;
    if (Number(found[1]) < lastSequence) {
      event.preventDefault();
      return;
    }
    lastSequence = Number(found[1]);
    heard();
  });
  on("htmx:afterRequest", (event) => {
    if (event.target.id === "poller" && event.detail.successful) heard();
    if (event.target.id === "poller" && event.detail.xhr.status === 403) { socket = "refused"; mark(); }
  });

  // What is the same stays: a swap would take the focus and the reader's place.
  on("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const fresh = fragment.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? fragment.firstElementChild : fragment;
    if (target.id === "run-feed" && isHeld(target)) {
      waitingFeed = fresh.cloneNode(true);
      event.detail.shouldSwap = false;
      tellHeld();
      return;
    }
    if (fresh.id === target.id && fresh.innerHTML === target.innerHTML) event.detail.shouldSwap = false;
    else rememberFocus();
  });
  let focused = null;
  function rememberFocus() {
    const active = document.activeElement;
    if (active && active.id && active !== document.body) focused = active.id;
  }
  function restoreFocus() {
    if (focused && document.activeElement === document.body) byId(focused)?.focus({ preventScroll: true });
    focused = null;
  }
  on("htmx:wsAfterMessage", restoreFocus);
  on("htmx:afterSettle", restoreFocus);

  function isHeld(feed) {
    const button = document.querySelector("[data-holds]");
    const pressed = button && button.getAttribute("aria-pressed") === "true";
    const selected = !getSelection().isCollapsed && feed.contains(getSelection().anchorNode);
    return pressed || selected || feed.matches(":hover") || feed.contains(document.activeElement) || feed.scrollTop > 0;
  }
  function tellHeld() {
    const note = byId("feed-held");
    if (note) note.textContent = waitingFeed ? "New entries wait until you leave the list." : "";
  }
  function release() {
    const feed = byId("run-feed");
    if (waitingFeed && feed && !isHeld(feed)) {
      feed.innerHTML = waitingFeed.innerHTML;
      htmx.process(feed);
      waitingFeed = null;
    }
    tellHeld();
  }

  function heard() {
    lastHeard = Date.now();
    mark();
  }
  function mark() {
    const place = byId("live-mark");
    if (!place || place.dataset.mark === "still") return;
    const seconds = Math.round((Date.now() - lastHeard) / 1000);
    let words = `Updated ${seconds} s ago`;
    let tone = seconds > 25 ? "late" : "polled";
    if (socket === "refused") {
      words = "You may no longer see this run";
      tone = "late";
    } else if (socket === "open" && seconds <= 12) {
      words = "Live";
      tone = "live";
    } else if (socket === "closed" && lastHeard <= closedAt && Date.now() - closedAt < 5000) {
      words = "Reconnecting";
      tone = "late";
    }
    if (place.textContent !== words) place.textContent = words;
    place.dataset.mark = tone;
  }
  function tick() {
    const due = Date.now() - Math.max(lastHeard, lastPolled) >= POLL_SECONDS * 1000;
    if (due && socket !== "refused" && byId("run-phase")?.value !== "ended") {
      lastPolled = Date.now();
      document.body.dispatchEvent(new CustomEvent("truecopy:poll"));
    }
    release();
    mark();
  }
  addEventListener("DOMContentLoaded", () => {
    lastHeard = Date.now();
    if (byId("poller")) setInterval(tick, 1000);
    document.querySelector("[data-focus]")?.focus();
  });
})();
