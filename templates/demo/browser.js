// The sample dashboard in the browser: what a team would write around `chancery-spa.js`.
import { dashboard } from "/chancery-spa.js";

const at = (id) => document.getElementById(id);
const { issuer, client } = at("app").dataset;
const here = location.origin + "/browser";
const auth = dashboard({ issuer, clientId: client, redirectUri: here, scope: "openid profile email", changed: show });

function show(claims) {
  for (const id of ["sign-out", "try", "initial"]) at(id).hidden = !claims;
  at("sign-in").hidden = Boolean(claims);
  at("who").textContent = claims ? claims.sub.slice(0, 8) : "Harbour in the browser";
  at("as").textContent = claims ? `signed in by ${issuer}` : "A sample dashboard with no server of its own behind it.";
  at("initial").textContent = "";
  if (claims) name().catch(trouble);
  else at("expiry").textContent = "none yet";
  stored();
}

// Names are userinfo's to tell.
async function name() {
  const told = await userinfo();
  at("who").textContent = told.name ?? told.preferred_username ?? told.sub;
  at("initial").textContent = at("who").textContent.slice(0, 1).toUpperCase();
}

async function userinfo() {
  const token = await auth.token();
  at("expiry").textContent = `ends at ${new Date(1000 * read(token).exp).toLocaleTimeString()}`;
  const answer = await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`userinfo answered ${answer.status}`);
  return answer.json();
}

// Shown for learning; to a client the token is opaque.
function read(token) {
  return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}

function stored() {
  const many = localStorage.length + sessionStorage.length;
  at("stored").textContent = many ? `${many} entries` : "empty";
}

function told(says, tone, shown) {
  at("error").hidden = true;
  at("result").hidden = false;
  at("says").textContent = says;
  at("says").className = `note ${tone}`;
  at("shown").textContent = typeof shown === "string" ? shown : JSON.stringify(shown, null, 2);
  stored();
}

function trouble(error) {
  at("result").hidden = true;
  at("error").hidden = false;
  at("error").textContent = error.error === "signed_out" ? "You are signed out. Sign in to go on." : error.message;
}

// What an injected script could carry off: everything it can list without asking for something to be done.
async function search() {
  const databases = (await indexedDB.databases?.()) ?? [];
  const found = {
    "document.cookie": document.cookie,
    localStorage: { ...localStorage },
    sessionStorage: { ...sessionStorage },
    indexedDB: databases.map(({ name }) => name),
    caches: await caches.keys(),
    "the reference script": Object.getOwnPropertyNames(auth),
  };
  const whole = JSON.stringify(found);
  return { found, refreshToken: /ch_rt_/.test(whole), accessToken: /eyJ[\w-]+\.eyJ/.test(whole) };
}

const actions = {
  "sign-in": () => auth.signIn(),
  "sign-out": () => auth.signOut(here),
  reload: async () => location.reload(),
  async refresh() {
    if (!(await auth.refresh())) throw Object.assign(new Error(), { error: "signed_out" });
    const claims = read(await auth.token());
    at("expiry").textContent = `ends at ${new Date(1000 * claims.exp).toLocaleTimeString()}`;
    told("Refreshed: a new access token, in memory. The new refresh token went into the cookie, past this page.", "good", claims);
  },
  async userinfo() {
    told("The issuer answers whoever shows the access token.", "good", await userinfo());
  },
  async search() {
    const { found, refreshToken, accessToken } = await search();
    const says = refreshToken || accessToken ? "A token was found." : "No token was found: there is nothing to carry off.";
    told(says, refreshToken || accessToken ? "bad" : "good", found);
  },
};
for (const [id, act] of Object.entries(actions)) at(id).addEventListener("click", () => act().catch(trouble));

try {
  show(await auth.start());
} catch (error) {
  show(null);
  trouble(error);
}
at("app").removeAttribute("aria-busy");
