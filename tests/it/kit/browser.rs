//! A browser, and what is read of the pages and addresses it is given.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header;
use serde_json::Value;

use super::actors::{Answer, Flow, PASSWORD, http};
use super::issuer::Issuer;

/// A browser: cookies, an origin, and no patience with scripts.
#[derive(Debug, Clone)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
    pub origin: String,
    http: reqwest::Client,
}

impl Browser {
    /// A new one; its pages are the issuer's.
    pub fn new(issuer: &Issuer) -> Self {
        Self::at(&issuer.name)
    }

    /// A new one, for the pages of this origin.
    pub fn at(origin: &str) -> Self {
        Self { cookies: BTreeMap::new(), origin: origin.to_owned(), http: http() }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = if cookies.is_empty() { request } else { request.header(header::COOKIE, cookies) };
        let answer = Answer::of(request.send().await.unwrap()).await;
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name)
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned())
            };
        }
        answer
    }

    pub async fn get(&mut self, url: &str) -> Answer {
        let request = self.http.get(url);
        self.send(request).await
    }

    /// Posts a form as its page would.
    pub async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Answer {
        // An origin has no path, though the issuer may have one.
        let origin = self.origin.split('/').take(3).collect::<Vec<_>>().join("/");
        let request = self.http.post(url).header(header::ORIGIN, origin).form(form);
        self.send(request).await
    }

    /// Goes to the authorization endpoint, and on to the page it leads to.
    pub async fn begin(&mut self, flow: &Flow) -> Answer {
        let answer = self.get(&flow.url).await;
        match location(&answer) {
            Some(to) if to.contains("/login?") => {
                let to = self.here(&to, &flow.url);
                self.get(&to).await
            }
            _ => answer,
        }
    }

    /// The issuer names itself in redirects; another node of it is reached by its own address.
    fn here(&self, location: &str, near: &str) -> String {
        let base = near.split("/oauth2/").next().unwrap();
        location.replace(&self.origin, base)
    }

    /// Fills in the sign-in page.
    pub async fn sign_in(&mut self, page: &Answer, near: &str, user: &str, password: &str) -> Answer {
        let (action, mut form) = form_of(page);
        let action = self.here(&action, near);
        form.extend([("username".to_owned(), user.to_owned()), ("password".to_owned(), password.to_owned())]);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&action, &form).await
    }

    /// Presses a button of the page.
    pub async fn press(&mut self, page: &Answer, near: &str, button: &str) -> Answer {
        let (action, mut form) = form_of(page);
        let action = self.here(&action, near);
        form.push((button.to_owned(), "yes".to_owned()));
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&action, &form).await
    }

    /// Through the whole sign-in to the code at the client, allowing what is asked.
    pub async fn code(&mut self, flow: &Flow, user: &str) -> String {
        let mut answer = self.begin(flow).await;
        for _ in 0..4 {
            if let Some(to) = location(&answer) {
                if let Some(code) = parameter(&to, "code") {
                    assert_eq!(parameter(&to, "state").as_deref(), Some(flow.state.as_str()));
                    return code;
                }
                let to = self.here(&to, &flow.url);
                answer = self.get(&to).await;
            } else if answer.text.contains("id=\"consent-allow\"") {
                answer = self.press(&answer.clone(), &flow.url, "consent-allow").await;
            } else {
                answer = self.sign_in(&answer.clone(), &flow.url, user, PASSWORD).await;
            }
        }
        panic!("no code: {} {}", answer.status, answer.text);
    }
}

/// Where an answer leads.
pub fn location(answer: &Answer) -> Option<String> {
    answer.headers.get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned())
}

/// A parameter of an address's query.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    chancery::http::params::Params::parse(query.as_bytes()).unwrap().get(name).map(str::to_owned)
}

/// The claims of a JWT, unverified.
pub fn claims(jwt: &str) -> Value {
    let body = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

/// The first form of a page: where it goes, and its hidden fields.
pub fn form_of(page: &Answer) -> (String, Vec<(String, String)>) {
    let form = page.text.split("<form").nth(1).unwrap_or_else(|| panic!("no form on {} {}", page.status, page.text));
    let attribute = |tag: &str, name: &str| {
        let after = tag.split(&format!("{name}=\"")).nth(1)?;
        let references =
            [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&"), ("&amp;", "&")];
        let text = after.split('"').next()?.to_owned();
        Some(references.iter().fold(text, |text, (from, to)| text.replace(from, to)))
    };
    let action = attribute(form, "action").unwrap();
    let form = form.split("</form>").next().unwrap();
    let hidden = form.split("<input").skip(1).filter(|tag| tag.contains("type=\"hidden\""));
    let fields =
        hidden.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))).collect();
    (action, fields)
}
