"""Tables for the terminal, and the same as JSON. Pure: values in, tables out; they read well at 80 columns."""
