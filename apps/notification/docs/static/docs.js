// Shows the OpenAPI document; calls are signed where the page has loaded sign_calls.js as well.
SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.url,
  dom_id: "#swagger-ui",
  deepLinking: true,
  showCommonExtensions: true,
  tryItOutEnabled: true,
  requestInterceptor: globalThis.signCall ?? ((request) => request),
});
