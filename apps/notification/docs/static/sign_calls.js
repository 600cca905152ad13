// Signs what Swagger UI sends to /api/v1/services, in the browser: the secret key that was typed as `secret` signs the
// call and is not sent itself. Where it cannot sign (no HTTPS, and not this machine), nothing is sent.
async function signCall(request) {
  const url = new URL(request.url, globalThis.location?.href);
  const header = Object.keys(request.headers).find((name) => name.toLowerCase() === "secret");
  if (!/\/api\/v1\/services(\/|$)/.test(url.pathname) || header === undefined) return request;

  const secret = request.headers[header];
  delete request.headers[header];
  url.searchParams.set("timestamp", String(Math.floor(Date.now() / 1000)));
  url.searchParams.set("nonce", crypto.randomUUID());
  if (typeof request.body === "string") {
    url.searchParams.set("digest", hex(await crypto.subtle.digest("SHA-256", bytes(request.body))));
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(secret), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, bytes(url.search.slice(1)));
  request.headers.secret = btoa(String.fromCharCode(...new Uint8Array(signature)));
  request.url = url.href;
  return request;
}

function bytes(text) {
  return new TextEncoder().encode(text);
}

function hex(buffer) {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
