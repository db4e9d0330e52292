//! One TCP connection: recognises PROXY headers, TLS, WebSocket and MQTT by content on any port, and leads the bytes
//! through them. It must not know how the bytes were captured.
