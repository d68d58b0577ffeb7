// The template function and the hooks, from one place.

import { Component, createRef, Fragment, h, render } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import htm from "htm";

export const html = htm.bind(h);
export {
  Component, createRef, Fragment, h, render,
  useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState,
};
