"""Speed of the model server, each figure beside a control that ran in the same minute: see serving_speed.py."""
