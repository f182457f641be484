// The page that asks for the token. The token goes into a header, never into an address, and the
// server gives a cookie for it.

const answer = document.getElementById("answer");

function say(text) {
  answer.textContent = text;
  answer.hidden = false;
}

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = document.getElementById("token");
  try {
    const headers = { Authorization: `Bearer ${field.value.trim()}` };
    const response = await fetch("./", { headers, cache: "no-store" });
    if (response.ok) location.replace("./");
    else say("That is not the token.");
  } catch {
    say("The stream does not answer, or this is not a token at all.");
  }
  field.select();
});

// A link in another site's page brings no SameSite cookie along, a request of our own does.
fetch("health", { cache: "no-store" }).then((response) => {
  if (response.status !== 401 && response.status !== 403) location.replace("./");
}, () => {});
