//! Someone at a browser: follows where pages lead, over the issuer's and the applications' origins, and answers what the
//! issuer asks.

use reqwest::header;
use url::Url;

use super::Stage;
use crate::kit::actors::{Answer, Browser, PASSWORD, form_of, location};

/// A person with a browser that has nothing in it yet.
pub struct Person {
    pub browser: Browser,
    issuer: String,
    name: &'static str,
    /// The address at hand.
    pub at: String,
    /// How often the issuer asked for the password.
    pub asked: u32,
    /// What a device shows, for the page that asks for it.
    pub device_code: Option<String>,
}

impl Person {
    pub fn new(stage: &Stage, name: &'static str) -> Self {
        let issuer = stage.server.at.clone();
        Self { browser: Browser::at(&issuer), at: issuer.clone(), issuer, name, asked: 0, device_code: None }
    }

    /// Goes there and on, to the first page that is not the issuer's, or that asks nothing more.
    pub async fn page(&mut self, url: &str) -> Answer {
        self.walk(url, None).await.unwrap_or_else(|to| panic!("no page, but {to}"))
    }

    /// Goes there and on, until sent to an address that begins like this: nobody needs to be there.
    pub async fn back(&mut self, url: &str, until: &str) -> String {
        match self.walk(url, Some(until)).await {
            Err(to) => to,
            Ok(page) => panic!("not sent back, but at {}: {} {}", self.at, page.status, page.text),
        }
    }

    async fn walk(&mut self, url: &str, until: Option<&str>) -> Result<Answer, String> {
        let mut answer = self.get(url).await;
        for _ in 0..20 {
            if let Some(to) = location(&answer) {
                let to = Url::parse(&self.at).unwrap().join(&to).unwrap().to_string();
                if until.is_some_and(|until| to.starts_with(until)) {
                    return Err(to);
                }
                answer = self.get(&to).await;
            } else if !self.at.starts_with(&self.issuer) {
                return Ok(answer);
            } else if let Some(next) = self.answers(&answer).await {
                answer = next;
            } else {
                return Ok(answer);
            }
        }
        panic!("sent in circles, and now at {}", self.at);
    }

    async fn get(&mut self, url: &str) -> Answer {
        url.clone_into(&mut self.at);
        let answer = self.browser.get(url).await;
        self.forget(&answer);
        answer
    }

    /// Answers a page of the issuer, if it asks anything.
    async fn answers(&mut self, page: &Answer) -> Option<Answer> {
        let near = format!("{}/oauth2/", self.issuer);
        let asks = |id: &str| page.text.contains(&format!("id=\"{id}\""));
        Some(if asks("password") {
            self.asked += 1;
            self.browser.sign_in(page, &near, self.name, PASSWORD).await
        } else if asks("code-submit") {
            let (action, mut fields) = form_of(page);
            let filled = page.text.split("id=\"code\"").nth(1)?.split("value=\"").nth(1)?.split('"').next()?;
            let code = self.device_code.take().unwrap_or_else(|| filled.to_owned());
            fields.push(("code".to_owned(), code));
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            self.browser.post(&action, &fields).await
        } else {
            let button = ["consent-allow", "logout-confirm"].into_iter().find(|button| asks(button))?;
            self.browser.press(page, &near, button).await
        })
    }

    /// Cookies that end by a date in the past, as most applications end theirs.
    fn forget(&mut self, answer: &Answer) {
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            if line.contains("Expires=Thu, 01 Jan 1970") {
                self.browser.cookies.remove(line.split('=').next().unwrap());
            }
        }
    }
}
