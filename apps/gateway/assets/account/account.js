// The page that emails link to. The token is behind `#`, which browsers don't send. The page asks the server what the link is
// for and shows the address; nothing else happens until a button is pressed, so link scanners cannot use up the token.
"use strict";

// A proxy may serve the server below a path, so the path is derived from the URL of this script.
const server = new URL("../", document.currentScript.src);
const paths = {
  link: new URL("api/auth/link", server),
  verify: new URL("api/auth/verify-email", server),
  reset: new URL("api/auth/password/reset", server),
};
const sections = ["nothing", "checking", "again", "verify", "reset"];
const gone = "This link has already been used or has expired. Request a new email on the sign-in page.";
const unreachable = "The server could not be reached. Try again.";
const by = (id) => document.getElementById(id);
const told = by("told");
let address = "";
let opened = 0;

function show(id) {
  for (const section of sections) by(section).hidden = section !== id;
}

// Errors take the focus, so that users of screen readers and keyboards get to the field to correct.
function tell(text, wrong) {
  told.textContent = text;
  told.classList.toggle("wrong", wrong);
  if (text) told.focus();
}

function mark(input, text) {
  by(`${input.id}-fault`).textContent = text;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function fault(input, text) {
  mark(input, text);
  input.focus();
}

// Some servers require the chosen password to confirm an address.
function ask(wanted) {
  by("chosen").hidden = !wanted;
  by("password").disabled = !wanted;
}

function clear() {
  tell("", false);
  for (const input of document.querySelectorAll(".text")) mark(input, "");
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { done: response.ok, answer: response.status === 204 ? {} : await response.json() };
}

function says(problem) {
  if (problem.code === "link.gone" || problem.errors?.some((error) => error.pointer === "/token")) return gone;
  const wait = problem.retry_after ? ` Try again in ${problem.retry_after} seconds.` : "";
  return `${problem.title}.${wait}`;
}

function link() {
  const [purpose, token] = location.hash.slice(1).split("=");
  let read = "";
  try {
    read = decodeURIComponent(token || "");
  } catch {
    // The link was cut in the middle of a character.
  }
  return purpose === "verify" || purpose === "reset" ? { purpose, token: read } : null;
}

// Shows what the link is for; also when another link is opened in the same page.
async function openLink() {
  const asked = link();
  const turn = ++opened;
  clear();
  if (!asked) return show("nothing");
  show("checking");
  try {
    const { done, answer } = await post(paths.link, { token: asked.token });
    if (turn !== opened) return;
    if (!done) {
      show(says(answer) === gone ? "" : "again");
      return tell(says(answer), true);
    }
    address = answer.email;
    for (const named of document.querySelectorAll(".address")) {
      if ("value" in named) named.value = address;
      else named.textContent = address;
    }
    ask(answer.needs_password);
    show(answer.purpose);
  } catch {
    if (turn !== opened) return;
    show("again");
    tell(unreachable, true);
  }
}

// Checks that need no server.
function flaw(input) {
  if (!input.value) return "Enter the password.";
  const short = input.name === "new_password" && [...input.value].length < 10;
  return short ? "The password must have at least 10 characters." : "";
}

async function send(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const input = form.querySelector(".text:not(:disabled)");
  if (button.getAttribute("aria-disabled")) return;
  clear();
  if (input && flaw(input)) return fault(input, flaw(input));
  // Not `disabled`, which would remove the focus.
  button.setAttribute("aria-disabled", "true");
  try {
    const { done, answer } = await post(paths[form.id], { token: link()?.token, ...Object.fromEntries(new FormData(form)) });
    if (done) return finish(form);
    const faults = (answer.errors || []).filter((error) => input && error.pointer === `/${input.name}`);
    if (form.id === "verify" && answer.errors?.some((error) => error.pointer === "/password") && !input) {
      ask(true);
      fault(by("password"), "Enter the password of your account.");
    } else if (faults.length) {
      fault(input, faults.map((error) => `The password ${error.message}.`).join(" "));
    } else if (answer.code === "password.wrong") {
      fault(input, "The password is wrong.");
    } else {
      if (says(answer) === gone) form.hidden = true;
      tell(says(answer), true);
    }
  } catch {
    tell(unreachable, true);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

function finish(form) {
  form.hidden = true;
  form.reset();
  // The token is used, so it need not stay in the history.
  history.replaceState(null, "", location.pathname);
  tell(
    form.id === "verify"
      ? `Thank you. The address ${address} is confirmed.`
      : `The password of the account of ${address} has been changed. You can sign in with it now.`,
    false,
  );
}

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", send);
for (const input of document.querySelectorAll(".text")) input.addEventListener("input", () => mark(input, ""));
for (const box of document.querySelectorAll(".show")) {
  box.addEventListener("change", () => {
    box.closest(".field").querySelector(".text").type = box.checked ? "text" : "password";
  });
}
by("again").querySelector("button").addEventListener("click", openLink);
addEventListener("hashchange", openLink);
openLink();
