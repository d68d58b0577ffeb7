-- What every refresh writes anew lies in its row as it is: pressing it took the database as long as
-- all the rest. The legal record, which stays for good, is pressed.
ALTER TABLE cases SET (toast_tuple_target = 8160);
ALTER TABLE queue SET (toast_tuple_target = 8160);
