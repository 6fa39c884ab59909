// The theme switch, showing a password, one answer per form, the form that sends itself, and going on after a sign-out. Every page
// works without any of it.
(() => {
  'use strict';
  const root = document.documentElement;
  const night = matchMedia('(prefers-color-scheme: dark)');
  const key = 'theme';
  const system = () => (night.matches ? 'dark' : 'light');
  const shown = () => root.dataset.theme ?? system();

  const recall = () => {
    try {
      const theme = localStorage.getItem(key);
      return theme === 'light' || theme === 'dark' ? theme : null;
    } catch {
      return null; // storage is blocked: the system decides
    }
  };
  const keep = (theme) => {
    try {
      if (theme === system()) localStorage.removeItem(key);
      else localStorage.setItem(key, theme);
    } catch { /* it lasts for this page */ }
  };

  // Before the body is drawn, so that no page flashes in the wrong light.
  const theme = recall();
  if (theme) root.dataset.theme = theme;

  const themes = (button) => {
    const say = () => {
      button.textContent = shown() === 'dark' ? button.dataset.light : button.dataset.dark;
    };
    button.addEventListener('click', () => {
      const next = shown() === 'dark' ? 'light' : 'dark';
      root.dataset.theme = next;
      keep(next);
      say();
    });
    night.addEventListener('change', say);
    say();
    button.hidden = false;
  };

  const peek = (button) => {
    const input = document.getElementById(button.dataset.peek);
    if (!input) return;
    const show = (open) => {
      input.type = open ? 'text' : 'password';
      button.setAttribute('aria-pressed', String(open));
      button.title = open ? button.dataset.hide : button.dataset.show;
    };
    button.setAttribute('aria-label', button.dataset.show);
    button.addEventListener('click', () => show(input.type === 'password'));
    // Sent hidden, so that the browser takes it for a password and doesn't remember it as a text.
    input.form?.addEventListener('submit', () => show(false));
    show(false);
    button.hidden = false;
  };

  const once = (form) => {
    let sent = false;
    form.addEventListener('submit', (event) => {
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      setTimeout(() => { sent = false; }, 5000); // stopped, or the line is slow: one may try again
    });
    addEventListener('pageshow', () => { sent = false; });
  };

  // When all frames of the page are there, and no later than in three seconds; once, so that going back shows the page.
  const goOn = (link) => {
    let gone = false;
    const go = () => {
      if (!gone) location.replace(link.href);
      gone = true;
    };
    addEventListener('load', go);
    setTimeout(go, 3000);
  };

  addEventListener('DOMContentLoaded', () => {
    document.querySelectorAll('a[data-go-on]').forEach(goOn);
    document.querySelectorAll('[data-theme-switch]').forEach(themes);
    document.querySelectorAll('[data-peek]').forEach(peek);
    document.querySelectorAll('form[method="post"]').forEach(once);
    // On the way back to the application: the same as pressing its button.
    document.querySelector('form[data-send]')?.requestSubmit();
  });
})();
