// What an email links to. The token stands after `#`, which no server is sent; nothing happens until a button is pressed,
// so programs that look at links before people do cannot use them up.
"use strict";

// A proxy may have put the server below a path: it is found from where this script is.
const server = new URL("../", document.currentScript.src);
const paths = {
  verify: new URL("api/auth/verify-email", server),
  reset: new URL("api/auth/password/reset", server),
};
const thanks = {
  verify: "Thank you. Your address is confirmed.",
  reset: "Your password has been changed. You can sign in with it now.",
};
const gone = "This link has already been used or has expired. Request a new email on the sign-in page.";
const told = document.getElementById("told");
const chosen = document.getElementById("chosen");

// Some servers want to know that whoever confirms an address is the one who chose the password.
function ask(wanted) {
  const input = chosen.querySelector("input");
  chosen.hidden = !wanted;
  input.disabled = !wanted;
  input.required = wanted;
  if (wanted) input.focus();
}

function tell(text, wrong) {
  told.textContent = text;
  told.classList.toggle("wrong", wrong);
  told.hidden = false;
}

// Shows what the address asks for; also when another link is opened while this page is.
function show() {
  const [purpose] = location.hash.slice(1).split("=");
  const shown = Object.hasOwn(paths, purpose) ? purpose : "nothing";
  for (const id of ["nothing", "verify", "reset"]) document.getElementById(id).hidden = id !== shown;
  told.hidden = true;
  ask(false);
}

async function send(event) {
  event.preventDefault();
  const form = event.target;
  const [purpose, token] = location.hash.slice(1).split("=");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const body = { token: decodeURIComponent(token || ""), ...Object.fromEntries(new FormData(form)) };
    const answer = await fetch(paths[purpose], {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      form.hidden = true;
      form.reset();
      // Used up: it need not stay in the history.
      history.replaceState(null, "", location.pathname);
      tell(thanks[purpose], false);
    } else {
      const problem = await answer.json();
      if ((problem.errors || []).some((error) => error.pointer === "/password")) {
        ask(true);
        tell("Enter the password of your account, to show that this request was yours.", false);
        button.disabled = false;
        return;
      }
      const faults = (problem.errors || []).filter((error) => error.pointer === "/new_password");
      const flaw = faults.map((error) => `The password ${error.message}.`).join(" ");
      tell(flaw || (problem.code === "link.gone" || problem.status === 422 ? gone : `${problem.title}.`), true);
    }
  } catch {
    tell("The server could not be reached. Try again.", true);
  }
  button.disabled = false;
}

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", send);
addEventListener("hashchange", show);
show();
