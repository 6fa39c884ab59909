//! The pages as a hostile client, user or request would have them.

use askama::Template;
use chancery::http::locale::Lang;
use chancery::login::pages::*;

use super::Rendered;

/// All pages, with everything that comes from outside replaced by `evil`.
pub fn hostile(evil: &str) -> Vec<Rendered> {
    let s = || evil.to_owned();
    let mut frame = Frame::sample(Lang::En).unwrap();
    frame.request_id = s();
    let client = Client {
        name: s(),
        host: s(),
        logo: Some(format!("https://cdn.example/{evil}")),
        site: Some(s()),
        policy: Some(s()),
        terms: Some(format!("javascript:{evil}")),
        unverified: true,
    };
    let who = Who { username: s(), name: s(), email: Some(s()) };
    let form = Form { action: "/login".into(), token: s(), interaction: s() };
    let asks = vec![Asked::Resource { scope: s(), description: Some(s()), resource: s() }, Asked::Claim(s())];
    let error = Some(SignInError::Wrong);
    let page = |name: &str, text: askama::Result<String>| (name.to_owned(), text.unwrap());
    let sign_in =
        SignIn { frame: frame.clone(), form: form.clone(), client: Some(client.clone()), username: s(), error };
    let again =
        SignInAgain { frame: frame.clone(), form: form.clone(), client: Some(client.clone()), who: who.clone(), error };
    let choose = Choose { frame: frame.clone(), form: form.clone(), client: client.clone(), who: who.clone() };
    let fields = vec![("state", s()), ("error_description", s())];
    let form_post =
        FormPost { frame: frame.clone(), client: s(), action: format!("https://rp.example/{evil}"), fields };
    let error = Some(DeviceCodeError::Unknown);
    let device_code = DeviceCode { frame: frame.clone(), form: form.clone(), code: s(), error };
    let device_consent = DeviceConsent {
        frame: frame.clone(),
        form: form.clone(),
        client: client.clone(),
        who: who.clone(),
        asks: asks.clone(),
        code: s(),
        address: Some(s()),
        agent: Some(s()),
        seconds: 1,
    };
    let device_told = DeviceTold { frame: frame.clone(), allowed: true, client: s() };
    let consent = Consent { frame: frame.clone(), form: form.clone(), client, who: who.clone(), asks };
    let sign_out = SignOut { frame: frame.clone(), form, who, client: Some(s()) };
    let signed_out = SignedOut { frame: frame.clone(), back: Some((s(), "https://rp.example/".into())), tells: vec![] };
    let named = ErrorPage {
        code: Some(s()),
        parameter: Some(s()),
        detail: Some(s()),
        client: Some(s()),
        ..ErrorPage::of(frame, Problem::BadRequest)
    };
    vec![
        page("sign_in/evil", sign_in.render()),
        page("sign_in_again/evil", again.render()),
        page("choose/evil", choose.render()),
        page("form_post/evil", form_post.render()),
        page("consent/evil", consent.render()),
        page("sign_out/evil", sign_out.render()),
        page("signed_out/evil", signed_out.render()),
        page("error/evil", named.render()),
        page("device_code/evil", device_code.render()),
        page("device_consent/evil", device_consent.render()),
        page("device_told/evil", device_told.render()),
    ]
}
