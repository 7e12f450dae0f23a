"""Reading messages: data becomes a request for its route, or an error that says what is wrong."""
