// Compiled, not run: the types that openapi-typescript generates let a front end make the journey, and let nothing
// else pass. `scripts/clients` puts the generated `schema.ts` beside this file.

import type { components, paths } from "./schema";

type Schemas = components["schemas"];
type Method = "get" | "post" | "put" | "patch" | "delete";
type Body<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : undefined;
type Success<O> = O extends { responses: infer R }
  ? { [S in keyof R & (200 | 201)]: R[S] extends { content: { "application/json": infer A } } ? A : never }[keyof R & (200 | 201)]
  : never;

/** One call: the path decides what may be sent, and what comes back. */
declare function call<P extends keyof paths, M extends Method & keyof paths[P]>(
  path: P,
  method: M,
  body?: Body<paths[P][M]>,
): Promise<Success<paths[P][M]>>;

export async function journey(code: string): Promise<Schemas["Order"]> {
  await call("/accounts/register/", "post", { email: "ada@example.com", password: "analytical-engine-1842" });
  await call("/accounts/verify-otp/", "post", { email: "ada@example.com", otp: code });
  const login = await call("/accounts/login/", "post", { email: "ada@example.com", password: "analytical-engine-1842" });
  const name: string | null = login.user.username;

  const products = await call("/catalog/products/", "get");
  const product: Schemas["Product"] = products.results[0];
  const left: number | null = product.variants[0].available;
  const cart = await call("/cart/items/", "post", { sku: product.variants[0].sku, quantity: 2 });
  const shown: string = `${name} takes ${cart.items[0].quantity} of ${left}: ${cart.total} ${cart.currency}`;

  const options = await call("/cart/shipping-options/", "get");
  const order = await call("/orders/", "post", {
    shipping_method_id: options.results[0].id,
    payment_gateway: "manual",
    shipping_address: {
      first_name: "Ada", last_name: "Lovelace", line1: "12 St James's Square", city: "New York",
      region: "NY", postal_code: "10001", country: "US",
    },
    note: shown,
  });
  const payment = await call("/payments/{id}/capture/", "post", { amount: order.payments[0].amount });
  const captured: boolean = payment.status === "captured";
  const parcel = await call("/shipping/shipments/", "post", { order_id: order.id, carrier: "UPS", tracking_number: "1Z" });
  await call("/shipping/shipments/{id}/events/", "post", { status: "delivered" });
  const tracking = await call("/shipping/track/{tracking_number}/", "get");
  const delivered: boolean = captured && parcel.items.length > 0 && tracking.status === "delivered";

  // @ts-expect-error Money is a string, never a number.
  await call("/payments/{id}/capture/", "post", { amount: 19.99 });
  // @ts-expect-error There is no such status.
  await call("/shipping/shipments/{id}/events/", "post", { status: "lost in space" });
  // @ts-expect-error A code is needed.
  await call("/accounts/verify-otp/", "post", { email: "ada@example.com" });

  return delivered ? await call("/orders/{id}/", "get") : order;
}
