import { stayed } from "./form.ts";
import { toast } from "./toast.ts";

interface Detail {
  xhr: XMLHttpRequest;
  target: HTMLElement;
  requestConfig: { verb: string };
  shouldSwap: boolean;
  isError: boolean;
}

/** What htmx should do with answers that are no success: keep what was typed and say what happened. */
export function watchRequests(): void {
  listen("htmx:beforeSwap", (detail) => {
    if (detail.xhr.status === 401) signedOut();
    else if (detail.target.matches("form[data-form]")) guard(detail);
  });
  listen("htmx:beforeSend", ({ target }) => hold(target, true));
  listen("htmx:afterRequest", ({ xhr, target, requestConfig }) => {
    const gone = xhr.getResponseHeader("HX-Redirect") ?? xhr.getResponseHeader("HX-Location");
    if (gone) return;
    hold(target, false);
    // Only the answer to the form itself: advice may still be on its way when the form is saved.
    if (requestConfig.verb !== "get" && target.matches("form[data-form]")) stayed();
  });
  listen("htmx:responseError", ({ xhr, requestConfig }) => {
    if (xhr.status !== 401 && requestConfig.verb !== "get") toast("danger", refused(xhr));
  });
  listen("htmx:sendError", ({ requestConfig }) => {
    if (requestConfig.verb !== "get")
      toast("danger", "The server did not answer. Nothing was saved, nothing is lost.");
  });
}

/** A form that is being saved takes no input: its answer would replace what was typed meanwhile. */
function hold(target: HTMLElement, held: boolean): void {
  if (target.matches("form[data-form]")) target.inert = held;
}

/**
 * A form is replaced only by itself: as it comes back with errors, or after a conflict with both sides shown. An answer
 * without it would take its place with nothing, and everything typed would be gone.
 */
function guard(detail: Detail): void {
  const { xhr, target } = detail;
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  detail.shouldSwap = [200, 409, 422].includes(xhr.status) && page.getElementById(target.id) !== null;
  if (detail.shouldSwap) {
    detail.isError = false;
    return;
  }
  if (xhr.status >= 400) {
    detail.isError = true;
    return;
  }
  // A redirect that was followed in the background: to the sign-in page, or on after a success.
  const there = new URL(xhr.responseURL);
  if (there.pathname === document.querySelector<HTMLDialogElement>(signedOutDialog)?.dataset.signedOut)
    signedOut();
  else location.assign(there);
}

const signedOutDialog = "dialog[data-signed-out]";

function signedOut(): void {
  const dialog = document.querySelector<HTMLDialogElement>(signedOutDialog);
  if (dialog && !dialog.open) dialog.showModal();
}

function listen(type: string, f: (detail: Detail) => void): void {
  document.addEventListener(type, (event) => f((event as CustomEvent<Detail>).detail));
}

/** The heading of an error page says what happened; the correlation id finds it in the log. */
function refused(xhr: XMLHttpRequest): string {
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const why = page.querySelector("h1")?.textContent?.trim() ?? `The server answered ${xhr.status}.`;
  const id = page.querySelector(".Failure-id code")?.textContent;
  return `Nothing was saved. ${why}${id ? ` (${id})` : ""}`;
}
