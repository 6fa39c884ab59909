// Counts the access token's last seconds down. Without it the page still says when it ends.
const tag = document.getElementById("expiry");
if (tag) {
  const show = () => {
    const left = Math.ceil(Number(tag.dataset.expires) - Date.now() / 1000);
    tag.textContent = left > 0 ? `expires in ${left} s` : "expired";
    tag.classList.toggle("warn", left <= 30);
  };
  show();
  setInterval(show, 1000);
}
