// The service as the dashboard asks it: with the key of this tab, if it has one.

const KEY = "semrec.key";

// Why a request was not answered.
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const key = () => sessionStorage.getItem(KEY) || "";

export function useKey(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

export async function send(method, path, {body, signal} = {}) {
  const headers = {};
  if (key()) headers.Authorization = "Bearer " + key();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {method, headers, body, signal, credentials: "omit", cache: "no-store"});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the service does not answer; is it running?");
  }
}

// Status and answer; anything but success is thrown. A key that is missing is asked for.
async function answered(method, path, body, signal) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await send(method, path, {body: text, signal});
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  const failed = new Problem(response.status, told.detail || `the service answered ${response.status}`);
  if (response.status === 401) dispatchEvent(new CustomEvent("key-needed", {detail: failed.message}));
  throw failed;
}

export const get = async (path, signal) => (await answered("GET", path, undefined, signal)).json();
export const post = async (path, body, signal) => (await answered("POST", path, body, signal)).json();
export const text = async (path, signal) => (await answered("GET", path, undefined, signal)).text();
export const whole = (path, signal) => answered("GET", path, undefined, signal);

export const part = id => encodeURIComponent(id);
