//! A device connected in a real Chromium: the code typed or filled in, allowed and denied, refused and too late; with scripts and
//! without.

use serde_json::{Value, json};

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_connects_a_device() {
    let mut scene = Scene::open().await;
    let tv = Tv::plugged_in(&scene);
    allows(&mut scene, &tv).await;
    denies(&mut scene, &tv).await;
    without_scripts(&mut scene, &tv).await;
    goes_wrong(&mut scene, &tv).await;
    scene.close().await;
}

struct Tv {
    client: String,
    issuer: String,
    http: reqwest::Client,
}

impl Tv {
    fn plugged_in(scene: &Scene) -> Self {
        let made = scene.terminal(&[
            "client",
            "create",
            "--name",
            "Harbour TV",
            "--public",
            "--grant",
            "device_code",
            "--grant",
            "refresh_token",
            "--scope",
            "openid profile offline_access",
            "--json",
        ]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let agent = "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 Chrome/76.0 Safari/537.36";
        Self {
            client: made["client_id"].as_str().unwrap().to_owned(),
            issuer: scene.at.issuer.clone(),
            http: reqwest::Client::builder().user_agent(agent).build().unwrap(),
        }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let mut form = form.to_vec();
        form.push(("client_id", &self.client));
        let request = self.http.post(format!("{}{path}", self.issuer)).form(&form);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn asks(&self) -> [String; 3] {
        let asked = self.post("/oauth2/device", &[("scope", "openid profile offline_access")]).await;
        ["device_code", "user_code", "verification_uri_complete"].map(|name| asked[name].as_str().unwrap().to_owned())
    }

    async fn polls(&self, device_code: &str) -> Value {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        self.post("/oauth2/token", &[("grant_type", grant), ("device_code", device_code)]).await
    }
}

async fn allows(scene: &mut Scene, tv: &Tv) {
    let [device, user, _] = tv.asks().await;
    scene.browser.go(&format!("{}/device", tv.issuer)).await;
    scene.picture("device-code").await;
    scene.browser.fill("code", &user.to_lowercase()).await;
    scene.browser.press("code-submit").await;
    assert!(scene.browser.has("login-submit").await, "{}", scene.browser.body().await);
    let password = scene.password.clone();
    scene.sign_in_with(&password).await;
    let asked = scene.browser.body().await;
    for says in ["Harbour TV", &user, "Chrome on Tizen", "127.0.0.1", "ago", "Ada Marlow", "Stay connected"] {
        assert!(asked.contains(says), "{says}: {asked}");
    }
    scene.picture("device-consent").await;
    assert_eq!(tv.polls(&device).await["error"], json!("authorization_pending"));
    scene.browser.press("consent-allow").await;
    assert!(scene.browser.body().await.contains("Signed in"), "{}", scene.browser.body().await);
    scene.picture("device-signed-in").await;
    assert!(tv.polls(&device).await["id_token"].is_string());
    scene.quiet(&[]).await;
}

/// By the complete address: filled in, and sent by nobody but the person.
async fn denies(scene: &mut Scene, tv: &Tv) {
    let [device, user, complete] = tv.asks().await;
    scene.browser.go(&complete).await;
    let filled = scene.browser.script("return document.getElementById('code').value").await;
    assert_eq!(filled, json!(user));
    scene.picture("device-code-given").await;
    assert_eq!(tv.polls(&device).await["error"], json!("authorization_pending"));
    scene.browser.press("code-submit").await;
    scene.browser.press("consent-deny").await;
    assert!(scene.browser.body().await.contains("Denied"), "{}", scene.browser.body().await);
    scene.picture("device-denied").await;
    assert_eq!(tv.polls(&device).await["error"], json!("access_denied"));
    scene.quiet(&[]).await;
}

async fn goes_wrong(scene: &mut Scene, tv: &Tv) {
    scene.browser.go(&format!("{}/device", tv.issuer)).await;
    scene.browser.fill("code", "BBBB-BBBB").await;
    scene.browser.press("code-submit").await;
    assert!(scene.browser.text("error").await.contains("isn’t valid"));
    scene.picture("device-code-wrong").await;
    // The question stands open while the code is answered in another tab.
    let [device, _, complete] = tv.asks().await;
    scene.browser.go(&complete).await;
    scene.browser.press("code-submit").await;
    let [first, second] = scene.browser.new_tab().await;
    scene.browser.switch(&second).await;
    scene.browser.go(&complete).await;
    scene.browser.press("code-submit").await;
    scene.browser.press("consent-deny").await;
    scene.browser.close_tab().await;
    scene.browser.switch(&first).await;
    scene.browser.press("consent-allow").await;
    assert!(scene.browser.body().await.contains("no longer valid"), "{}", scene.browser.body().await);
    scene.picture("device-over").await;
    assert_eq!(tv.polls(&device).await["error"], json!("access_denied"));
    for _ in 0..10 {
        scene.browser.go(&format!("{}/device", tv.issuer)).await;
        scene.browser.fill("code", "BBBB-BBBB").await;
        scene.browser.press("code-submit").await;
    }
    assert!(scene.browser.text("error").await.contains("Too many attempts"));
    scene.picture("device-code-throttled").await;
    scene.quiet(&["status of 400", "status of 429"]).await;
}

/// Everything works with forms alone.
async fn without_scripts(scene: &mut Scene, tv: &Tv) {
    let off = |off: bool| json!({ "value": off });
    scene.browser.devtools("Emulation.setScriptExecutionDisabled", off(true)).await;
    let [device, user, complete] = tv.asks().await;
    scene.browser.go(&complete).await;
    let idle = "return document.querySelector('[data-theme-switch]').hidden";
    assert_eq!(scene.browser.script(idle).await, json!(true), "no script of the page has run");
    scene.browser.press("code-submit").await;
    assert!(scene.browser.body().await.contains(&user), "{}", scene.browser.body().await);
    scene.browser.press("consent-allow").await;
    assert!(scene.browser.body().await.contains("Signed in"), "{}", scene.browser.body().await);
    assert!(tv.polls(&device).await["access_token"].is_string());
    scene.browser.devtools("Emulation.setScriptExecutionDisabled", off(false)).await;
    scene.quiet(&[]).await;
}
