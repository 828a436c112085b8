import { content, every, on } from "./content.ts";

/**
 * Turns the plain boxes of a choice into a chip with a dialog. The boxes stay where they are, unseen: they are what the
 * form sends, and what other fields depend on.
 */
export function watchChoosers(): void {
  content.watch((root) => {
    for (const chooser of every(root, "[data-chooser]")) arrive(chooser);
  });
  on<HTMLElement>("click", "[data-chooser] [data-clear]", (button) => {
    const chooser = button.closest<HTMLElement>("[data-chooser]");
    if (!chooser) return;
    choose(chooser, "", "");
    chooser.querySelector<HTMLElement>("[commandfor]")?.focus();
  });
  on<HTMLSelectElement>("change", "[data-chooser] [data-plain] select", (select) => {
    const chooser = select.closest<HTMLElement>("[data-chooser]");
    if (chooser) say(chooser);
  });
  on<HTMLInputElement>("change", "dialog [data-kinds] input", (radio) => pick(radio, radio.value, null));
  on<HTMLInputElement>("change", "dialog [data-rows] input", (radio) => {
    const row = radio.closest<HTMLElement>("[data-kind]");
    pick(radio, row?.dataset.kind ?? "", radio.value);
  });
  on<HTMLInputElement>("input", "dialog [data-search]", (search) => {
    const dialog = search.closest("dialog");
    if (dialog) narrow(dialog);
  });
  on<HTMLAnchorElement>("click", "dialog a[data-adds]", (link) => {
    const dialog = link.closest("dialog");
    if (dialog) addEventListener("focus", () => void renew(dialog), { once: true });
  });
}

function arrive(chooser: HTMLElement): void {
  const chosen = chooser.querySelector<HTMLElement>("[data-chosen]");
  const plain = chooser.querySelector<HTMLElement>("[data-plain]");
  if (!chosen || !plain) return;
  chosen.hidden = false;
  plain.hidden = true;
  say(chooser);
}

const kindBox = (chooser: Element) => chooser.querySelector<HTMLSelectElement>("select[data-kind]");

const sourceBox = (chooser: Element, kind: string) =>
  [...chooser.querySelectorAll<HTMLSelectElement>("select[data-source]")].find(
    (s) => s.dataset.source === kind,
  );

/** What is chosen; a chooser without kinds has one that goes without saying. */
function state(chooser: Element): { kind: string; name: string } {
  const box = kindBox(chooser);
  const kind =
    box?.value ?? chooser.querySelector<HTMLSelectElement>("select[data-source]")?.dataset.source ?? "";
  return { kind, name: sourceBox(chooser, kind)?.value ?? "" };
}

/** Puts a choice into the boxes as if somebody had typed it; null leaves the name as it is. */
function choose(chooser: HTMLElement, kind: string, name: string | null): void {
  const box = kindBox(chooser);
  if (box && box.value !== kind) set(box, kind);
  const source = sourceBox(chooser, box ? kind : state(chooser).kind);
  if (source && name !== null && source.value !== name) set(source, name);
  say(chooser);
}

function set(box: HTMLSelectElement, value: string): void {
  if (![...box.options].some((o) => o.value === value)) box.add(new Option("Choose one", value));
  box.value = value;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Shows the choice on the chip and in the dialog. */
function say(chooser: HTMLElement): void {
  const { kind, name } = state(chooser);
  const words = chooser.querySelector<HTMLElement>("[data-words]");
  const box = kindBox(chooser);
  const label = kind === "" ? "" : (box?.selectedOptions[0]?.text ?? "");
  const source = sourceBox(chooser, kind);
  const named = name || (source && kind && box ? "not chosen" : "");
  const text = [label, named].filter(Boolean).join(": ") || chooser.dataset.none || "Not chosen";
  if (words && words.textContent !== text) words.textContent = text;
  const clear = chooser.querySelector<HTMLElement>("[data-clear]");
  if (clear) clear.hidden = box ? kind === "" : name === "";
  const dialog = document.getElementById(chooser.dataset.chooser ?? "");
  if (dialog instanceof HTMLDialogElement) mark(dialog, kind, name);
}

function mark(dialog: HTMLDialogElement, kind: string, name: string): void {
  for (const radio of dialog.querySelectorAll<HTMLInputElement>("[data-kinds] input"))
    radio.checked = radio.value === kind;
  for (const row of dialog.querySelectorAll<HTMLElement>("[data-rows] tr[data-kind]")) {
    const radio = row.querySelector("input");
    if (radio) radio.checked = row.dataset.kind === kind && radio.value === name;
  }
  dialog.dataset.kind = kind;
  narrow(dialog);
}

function pick(radio: HTMLElement, kind: string, name: string | null): void {
  const dialog = radio.closest("dialog");
  const chooser = dialog && document.querySelector<HTMLElement>(`[data-chooser="${CSS.escape(dialog.id)}"]`);
  if (chooser) choose(chooser, kind, name);
}

/** Shows the sources of the chosen kind that have what is searched for. */
function narrow(dialog: HTMLDialogElement): void {
  const kind = dialog.dataset.kind ?? "";
  const sought = (dialog.querySelector<HTMLInputElement>("[data-search]")?.value ?? "").trim().toLowerCase();
  let seen = 0;
  for (const row of dialog.querySelectorAll<HTMLElement>("[data-rows] tr[data-kind]")) {
    const fits = row.dataset.kind === kind && (row.textContent ?? "").toLowerCase().includes(sought);
    row.hidden = !fits;
    if (fits) seen++;
  }
  const sources = dialog.querySelector<HTMLElement>("[data-sources]");
  if (sources) sources.hidden = kind === "" || kind === "SECRET_MANAGER";
  const empty = dialog.querySelector<HTMLElement>("[data-empty]");
  if (empty) empty.hidden = seen > 0;
}

/** Fetches the sources anew after one was added in another window; nothing typed is touched. */
async function renew(dialog: HTMLDialogElement): Promise<void> {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const d of document.querySelectorAll<HTMLDialogElement>("dialog:has([data-rows])")) {
      const rows = page.getElementById(d.id)?.querySelector("[data-rows]");
      if (rows) d.querySelector("[data-rows]")?.replaceWith(document.importNode(rows, true));
    }
    for (const box of document.querySelectorAll<HTMLSelectElement>("[data-chooser] select[data-source]")) {
      addOptions(box, page.querySelector<HTMLSelectElement>(`select[name="${CSS.escape(box.name)}"]`));
    }
  } catch {
    // The list stays as it was.
  }
  for (const chooser of document.querySelectorAll<HTMLElement>("[data-chooser]")) say(chooser);
  dialog.querySelector<HTMLElement>("[data-search]")?.focus();
}

function addOptions(box: HTMLSelectElement, fresh: HTMLSelectElement | null): void {
  const known = new Set([...box.options].map((o) => o.value));
  for (const o of fresh?.options ?? []) if (!known.has(o.value)) box.add(new Option(o.text, o.value));
}
