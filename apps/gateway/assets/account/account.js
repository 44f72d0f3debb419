// What a letter links to. The token stands after `#`, which no server is sent; nothing happens until a button is pressed,
// so programs that look at links before people do cannot use them up.
"use strict";

const [purpose, token] = location.hash.slice(1).split("=");
const paths = { verify: "/api/auth/verify-email", reset: "/api/auth/password/reset" };
const thanks = {
  verify: "Thank you: the address is confirmed.",
  reset: "Your password has been changed. You can sign in with it now.",
};
const form = document.getElementById(purpose in paths ? purpose : "nothing");
const told = document.getElementById("told");

function tell(text, wrong) {
  told.textContent = text;
  told.classList.toggle("wrong", wrong);
  told.hidden = false;
}

document.getElementById("nothing").hidden = form.id !== "nothing";
form.hidden = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
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
      history.replaceState(null, "", location.pathname);
      tell(thanks[purpose], false);
      return;
    }
    const problem = await answer.json();
    const faults = (problem.errors || []).map((error) => `The password ${error.message}.`);
    tell(faults.join(" ") || `${problem.title}.`, true);
  } catch {
    tell("The server could not be reached. Try again.", true);
  }
  button.disabled = false;
});
